"""``ListTasks`` of A2A 1.0 (section 3.1.4): the tasks that there are, the last changed first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from turnstream import errors, jsontext, protocols
from turnstream.api import a2a as api
from turnstream.dialects import a2a_objects as objects, base, body as bodies, incoming

_PAGE, _MOST = 50, 100
_STATUSES: Mapping[str, tuple[protocols.Status, ...]] = {
    "TASK_STATE_SUBMITTED": ("queued",),
    "TASK_STATE_WORKING": ("running",),
    "TASK_STATE_INPUT_REQUIRED": ("waiting",),
    "TASK_STATE_COMPLETED": ("finished",),
    "TASK_STATE_FAILED": ("failed",),
    "TASK_STATE_CANCELED": ("cancelled",),
}
# States of the protocol that no task here is ever in.
_NEVER = frozenset({"TASK_STATE_REJECTED", "TASK_STATE_AUTH_REQUIRED"})


def decode(rpc: api.RpcRequest, agent: str, dialect: str, id: api.RpcId) -> base.Listing | base.Reply:
    """Raises `RequestError`."""
    params = bodies.convert({} if rpc.params is None else rpc.params, api.ListParams, "params")
    size = _PAGE if params.page_size is None else params.page_size
    if not 0 < size <= _MOST:
        raise _invalid("pageSize", f"must be from 1 to {_MOST}")
    if params.history_length is not None and params.history_length < 0:
        raise _invalid("historyLength", "must not be negative")
    behind = _place(params.page_token) if params.page_token else None
    since = _seconds(params.status_timestamp_after) if params.status_timestamp_after else None
    thread = incoming.name(params.context_id, "contextId")

    def reply(found: Sequence[protocols.RunState], total: int) -> base.Reply:
        tasks = [_show(state, artifacts=bool(params.include_artifacts)) for state in found[:size]]
        token = _token(found[size - 1]) if len(found) > size else ""
        result = {"tasks": tasks, "nextPageToken": token, "pageSize": size, "totalSize": total}
        return base.Reply(200, objects.rpc_result(id, result))

    if params.status in _NEVER:
        return reply((), 0)
    statuses = _read_statuses(params.status)
    return base.Listing(protocols.RunQuery(agent, dialect, thread, statuses, since), behind, size + 1, reply)


def _read_statuses(state: str | None) -> tuple[protocols.Status, ...]:
    if state is None or state == "TASK_STATE_UNSPECIFIED":
        return ()
    if state not in _STATUSES:
        raise _invalid("status", "is not a state of a task")
    return _STATUSES[state]


def _show(state: protocols.RunState, *, artifacts: bool) -> dict[str, Any]:
    task = objects.read_task(state)
    task.changed_at = protocols.changed_at(state)
    shown = objects.task_object(task, "1.0")
    if not artifacts:
        shown.pop("artifacts", None)
    return shown


def _token(state: protocols.RunState) -> str:
    return jsontext.encode([protocols.changed_at(state), state.id]).hex()


def _place(token: str) -> protocols.Place:
    try:
        return jsontext.decode(bytes.fromhex(token), tuple[float, str])
    except ValueError:
        raise _invalid("pageToken", "is not one of this server") from None


def _seconds(timestamp: str) -> float:
    try:
        given = datetime.fromisoformat(timestamp)
    except ValueError:
        raise _invalid("statusTimestampAfter", "is not a time of ISO 8601") from None
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()


def _invalid(name: str, what: str) -> errors.RequestError:
    return errors.RequestError(f"{name}: {what}.", param=name, code="invalid_value")
