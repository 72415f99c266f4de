"""What a Responses client can name of earlier answers: a whole response, an item of one, a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from turnstream import errors, protocols, requests
from turnstream.api import responses as api
from turnstream.dialects import base, incoming, openai_responses_request

PREFIX = "resp_"


def find_named_runs(body: api.ResponsesRequest) -> tuple[str, ...]:
    """The runs that gave what the request names. An item's id is its kind, its run's id, and its place."""
    items = () if isinstance(body.input, str) else body.input
    ids = [_run_of_item(item.id or "") for item in items if item.type == "item_reference" or _is_cut(item)]
    if body.previous_response_id:
        ids.append(_run_of_response(body.previous_response_id))
    return tuple(dict.fromkeys(ids))


def name_response(
    client: base.ClientRequest, follows: str | None, found: Mapping[str, protocols.RunState]
) -> base.ClientRequest:
    """Where the run before waits, the response is what comes of that, and is named after it."""
    state = found.get(follows or "")
    if state is None or state.status != "waiting":
        return client
    return msgspec.structs.replace(client, id=f"{state.id}.{client.id[-12:]}")


def previous_run(body: api.ResponsesRequest) -> str | None:
    return _run_of_response(body.previous_response_id) if body.previous_response_id else None


def _run_of_response(id: str) -> str:
    """A run that has waited gave several responses: what follows its id tells them apart."""
    return id.removeprefix(PREFIX).partition(".")[0] if id.startswith(PREFIX) else ""


def _run_of_item(id: str) -> str:
    return id.partition("_")[2].rpartition("_")[0]


def resolve(given: str | list[api.InputItem], found: Mapping[str, protocols.RunState]) -> str | list[api.InputItem]:
    """The input with each ``item_reference`` as the item that it stands for."""
    if isinstance(given, str):
        return given
    return [_resolve(item, f"input[{at}]", found) for at, item in enumerate(given)]


def _is_cut(item: api.InputItem) -> bool:
    """openai-agents of JavaScript sends back the calls of our tools without what they gave."""
    return item.type == "mcp_call" and item.output is None and item.error is None


def _resolve(item: api.InputItem, path: str, found: Mapping[str, protocols.RunState]) -> api.InputItem:
    if item.type == "item_reference":
        return _find(item.id or "", found) or _refuse_unknown(path)
    return (_find(item.id or "", found) or item) if _is_cut(item) else item


def _find(id: str, found: Mapping[str, protocols.RunState]) -> api.InputItem | None:
    state = found.get(_run_of_item(id))
    output: list[dict[str, Any]] = msgspec.json.decode(state.shown)["output"] if state and state.shown else []
    return next((msgspec.convert(item, api.InputItem) for item in output if item["id"] == id), None)


def _refuse_unknown(path: str) -> NoReturn:
    text = f"{path}.id: this server does not have that item, or no longer."
    raise errors.RequestError(text, param=f"{path}.id", code="item_not_found", status=404)


def thread_ref(
    body: api.ResponsesRequest,
    client: base.ClientRequest,
    request: requests.RunRequest,
    found: Mapping[str, protocols.RunState],
) -> requests.ThreadRef:
    """The conversation that the request goes on with. Without one it begins one under the run's own id, for a response
    can be continued from any of its answers."""
    stores = body.store is not False and not request.housekeeping
    conversation = openai_responses_request.conversation(body)
    if not body.previous_response_id:
        kept = incoming.thread_ref(request, client.headers, body.metadata)
        if conversation is not None:
            return requests.ThreadRef(conversation, "server", stores=stores)
        if kept is not None and kept.history == "server":
            return requests.ThreadRef(kept.id, "server", stores=stores)
        return requests.ThreadRef(client.id, "client", stores=stores)
    if conversation is not None:
        text = "conversation: cannot be combined with previous_response_id."
        raise errors.RequestError(text, param="conversation", code="invalid_value")
    state = found.get(_run_of_response(body.previous_response_id))
    if state is not None and (state.status == "waiting" or request.answers):
        return requests.ThreadRef(client.id, "client", stores=False)  # no run begins: that one goes on, or still waits
    if state is None or state.status != "finished" or state.thread is None:
        text = "previous_response_id: this server does not have that response, or no longer."
        raise errors.RequestError(text, param="previous_response_id", code="previous_response_not_found", status=404)
    return requests.ThreadRef(state.thread, "server", state.length, stores)
