"""Calls that a server runs as tasks (MCP 2025-11-25, *Tasks*): made at once, asked after until they end.

The server keeps a task, not the connection, so a call that takes an hour outlives proxies that cut long requests and a
lost session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from turnstream import errors
from turnstream.tools.mcp import results
from turnstream.tools.mcp.connection import Connection
from turnstream.tools.mcp.session import LostError

if TYPE_CHECKING:
    from mcp import Client, types

log = logging.getLogger("turnstream.tools.mcp")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0  # between questions to a server that does not say how often it wants to be asked
_MOST_LOSSES = 8  # one after the other
_KEPT = 24 * 3600 * 1000  # milliseconds for which a server is asked to keep a result
_NOT_FOUND = -32602

Report = Callable[[str], None]


def supports(tool: types.Tool) -> bool:
    execution = tool.execution
    return execution is not None and execution.task_support in ("optional", "required")


class TaskCalls:
    """Those of one server. ``close`` waits for the tasks that are being cancelled."""

    def __init__(self, name: str, connection: Connection) -> None:
        self._name, self._connection = name, connection
        self._cancelling: set[asyncio.Task[None]] = set()

    async def call(self, tool: types.Tool, arguments: dict[str, Any], meta: Any, report: Report) -> dict[str, Any]:
        """The result as it came. Raises `LostError` before the server has said that it took the task, `ToolError`
        after it."""
        created = await self._connection.run(lambda client: _create(client, tool.name, arguments, meta))
        task = (created.get("_meta") or {}).get(results.TASK)
        if not isinstance(task, dict) or not isinstance(task.get("taskId"), str):
            return created  # it answered at once
        try:
            return await self._wait_for_end(task, report)
        except asyncio.CancelledError:
            self._cancel(task["taskId"])
            raise

    async def _wait_for_end(self, task: dict[str, Any], report: Report) -> dict[str, Any]:
        id, pause = task["taskId"], _FIRST_PAUSE
        while task.get("status") == "working":
            await asyncio.sleep(min(pause, _seconds(task.get("pollInterval"))))
            pause *= 2
            task = await self._ask_again("tasks/get", id)
            if isinstance(task.get("statusMessage"), str):
                report(task["statusMessage"])
        if task.get("status") == "cancelled":
            raise errors.ToolError(f"The MCP server {self._name} cancelled the call.")
        try:
            return await self._ask_again("tasks/result", id)
        except errors.ToolError as error:
            if task.get("status") != "failed":
                raise
            why = task.get("statusMessage") or "the server did not say why"
            raise errors.ToolError(f"The call failed: {why}") from error

    async def _ask_again(self, method: str, id: str) -> dict[str, Any]:
        """To ask changes nothing, so it is done again on a new session until the server answers."""
        from mcp import MCPError

        for losses in range(_MOST_LOSSES):
            try:
                return await self._connection.run(lambda client: _ask(client, method, id))
            except LostError as error:
                log.info("MCP server %s: lost while a task runs: %s", self._name, error.reason)
                await asyncio.sleep(min(_FIRST_PAUSE * 2**losses, _LONGEST_PAUSE))
            except MCPError as error:
                if error.code == _NOT_FOUND:
                    raise errors.ToolError(f"The MCP server {self._name} has lost the call: {error.message}") from error
                raise
        raise errors.ToolError(
            f"The MCP server {self._name} is not available. The call was begun, and may still be running."
        )

    def _cancel(self, id: str) -> None:
        async def cancel() -> None:
            from mcp import MCPError

            with suppress(LostError, MCPError, TimeoutError):
                async with asyncio.timeout(_LONGEST_PAUSE):
                    await self._connection.run(lambda client: _ask(client, "tasks/cancel", id))

        task = asyncio.create_task(cancel())
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)


async def _create(client: Client, name: str, arguments: dict[str, Any], meta: Any) -> dict[str, Any]:
    from mcp import types

    task = types.TaskMetadata(ttl=_KEPT)
    params = types.CallToolRequestParams(name=name, arguments=arguments, task=task, _meta=meta)
    return await _send(client, types.CallToolRequest(params=params))


def _ask(client: Client, method: str, id: str) -> Awaitable[dict[str, Any]]:
    from mcp import types

    match method:
        case "tasks/get":
            return _send(client, types.GetTaskRequest(params=types.GetTaskRequestParams(task_id=id)))
        case "tasks/cancel":
            return _send(client, types.CancelTaskRequest(params=types.CancelTaskRequestParams(task_id=id)))
        case _:
            return _send(client, types.GetTaskPayloadRequest(params=types.GetTaskPayloadRequestParams(task_id=id)))


async def _send(client: Client, request: Any) -> dict[str, Any]:
    from pydantic import TypeAdapter

    anything: TypeAdapter[Any] = TypeAdapter(dict[str, Any])
    answer: dict[str, Any] = await client.session.send_request(request, anything)
    return answer


def _seconds(interval: Any) -> float:
    """A suggested interval in milliseconds, within reason."""
    if isinstance(interval, int | float) and not isinstance(interval, bool) and interval >= 0:
        return min(max(interval / 1000, 0.01), 60.0)
    return _LONGEST_PAUSE
