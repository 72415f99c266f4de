"""The tools of one MCP server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from turnstream import errors, messages, requests, resources, toolspec, tracing
from turnstream.tools import bounds, coercion, fitting
from turnstream.tools.forwarding import Forwarding
from turnstream.tools.json_arguments import arguments_of
from turnstream.tools.mcp import elicitation, results, tasks, wire
from turnstream.tools.mcp.connection import Connection
from turnstream.tools.mcp.session import LostError, StatusError
from turnstream.tools.mcp.transports import Http, Stdio, Target

if TYPE_CHECKING:
    from typing import Self

    from mcp import Client, MCPError, types

log = logging.getLogger("turnstream.tools.mcp")

_MOST_CONNECTIONS = 200
_IDLE_SECONDS = 300.0
_TRIES = 3
_LONGEST_WAIT = 30.0
_LONGEST_PROGRESS = 500
_URL_NEEDED = -32042
_PERHAPS = " It may have executed the call."


class McpServer:
    """A toolbox. The server is started, or connected to, when its tools are first needed, and again when it is lost.

    ``forward_headers`` are request headers, ``forward_context`` maps a header to the context value that it carries.
    Both make a connection for each set of values, so no user's credentials serve another. ``effect`` replaces what the
    server says of its tools. ``start_timeout`` is in seconds, ``max_bytes`` is how much text of a result a model gets.
    It must be entered before it is used.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        *,
        forward_headers: Sequence[str] = (),
        forward_context: Mapping[str, str] | None = None,
        effect: toolspec.Effect | None = None,
        start_timeout: float = bounds.START_SECONDS,
        max_bytes: int = bounds.ANSWER_BYTES,
    ) -> None:
        self.name = name
        self.source = f"mcp:{name}"
        self.target = target
        self._forwarding = Forwarding(forward_headers, forward_context)
        if self._forwarding and not isinstance(target, Http):
            raise errors.ConfigurationError("headers can be forwarded to a server behind HTTP only")
        self._effect = effect
        self._seconds = start_timeout
        self._max_bytes = max_bytes
        self._connections: OrderedDict[tuple[tuple[str, str], ...], Connection] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._parked = elicitation.ParkedCalls(name)
        self._shared = resources.Shared(self._open)

    async def _open(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self._close)

    async def _close(self) -> None:
        self._parked.close()
        connections, self._connections = self._connections, OrderedDict()
        await asyncio.gather(*(connection.close() for connection in connections.values()), *self._closing)

    async def __aenter__(self) -> Self:
        await self._shared.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._shared.__aexit__(kind, error, trace)

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        """As the server last listed them; while it is down, what it listed before. Raises `ToolError` if there is
        nothing."""
        connection = self._connection(context)
        try:
            listed = await connection.tools()
        except LostError as error:
            raise errors.ToolError(self._sentence(error)) from error
        return [results.spec(tool, name, self.source, self._effect) for name, tool in listed.items()]

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        """Raises `ToolError`. A call is made again only if the server cannot have seen it, or if it asks for that and a
        second call does no harm."""
        connection = self._connection(context)
        try:
            listed = await connection.tools()
        except LostError as error:
            raise errors.ToolError(self._sentence(error)) from error
        if call.name not in listed:
            raise errors.ToolError(f"There is no tool named {call.name!r}.")
        tool = listed[call.name]
        raw = await self._answer(connection, tool, call, context)
        return fitting.fit(results.output_of(raw, tool), self._max_bytes)

    async def _answer(
        self, connection: Connection, tool: types.Tool, call: messages.ToolCall, context: requests.RunContext
    ) -> dict[str, Any]:
        from mcp import MCPError

        spec = results.spec(tool, call.name, "", self._effect)
        arguments = coercion.coerce(arguments_of(call), spec.parameters)
        meta: Any = dict(tracing.headers(context.tool_call_id))
        if spec.effect == "once":
            meta["turnstream/idempotencyKey"] = context.idempotency_key
        caller = _Caller(connection, tool, arguments, meta or None, context)
        try:
            return await self._parked.run(
                lambda: self._try_again(caller, may_repeat=spec.effect != "once"), context, spec.effect
            )
        except LostError as error:
            raise errors.ToolError(self._sentence(error)) from error
        except StatusError as error:
            perhaps = _PERHAPS if error.status >= 500 else ""
            raise errors.ToolError(
                f"The MCP server {self.name} answered with status {error.status}.{perhaps}"
            ) from error
        except MCPError as error:
            raise errors.ToolError(self._error_sentence(error)) from error
        except (RuntimeError, ValueError) as error:  # the SDK's, for an answer that breaks the protocol
            log.warning("MCP server %s: bad answer to %s", self.name, call.name, exc_info=error)
            raise errors.ToolError(
                f"The MCP server {self.name} gave an answer that breaks the protocol.{_PERHAPS}"
            ) from error

    async def _try_again(self, caller: _Caller, *, may_repeat: bool) -> dict[str, Any]:
        for left in reversed(range(_TRIES)):
            try:
                return await self._call_once(caller)
            except StatusError as error:
                wait = error.retry_after
                if not may_repeat or error.status not in (429, 503) or wait is None or wait > _LONGEST_WAIT or not left:
                    raise
                if not caller.context.may_wait(wait):
                    raise
                await asyncio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _call_once(self, caller: _Caller) -> dict[str, Any]:
        try:
            return await caller.call(self.name)
        except LostError as error:
            if not error.refused:
                raise
            return await caller.call(self.name)

    def _sentence(self, error: LostError) -> str:
        during = "" if error.refused else _PERHAPS
        return f"The MCP server {self.name} is not available: {error.reason}.{during}"

    def _error_sentence(self, error: MCPError) -> str:
        """With what the server says besides: it tells the model what to do otherwise."""
        if error.code == wire.PARSE_ERROR and (error.message == wire.NOT_JSON or "Failed to parse" in error.message):
            return f"The MCP server {self.name} gave an answer that cannot be read: {wire.NOT_JSON}.{_PERHAPS}"
        said = _line(error.message)
        if error.code == _URL_NEEDED and (addresses := _addresses(error.data)):
            return f"The MCP server {self.name} answered: {said} The user must open: {', '.join(addresses)}"
        more = f": {_line(json.dumps(error.data, ensure_ascii=False, default=str))}" if error.data else ""
        return f"The MCP server {self.name} answered: {said}{more}"

    def _connection(self, context: requests.RunContext) -> Connection:
        if not self._shared.is_open:
            raise errors.ConfigurationError(f"the MCP server {self.name} is used before its agent is entered")
        key = tuple(sorted(self._forwarding.of(context).items()))
        if key not in self._connections:
            self._forget()
            if len(self._connections) >= _MOST_CONNECTIONS:
                raise errors.ToolError(f"The MCP server {self.name} has too many users at once.")
            self._connections[key] = Connection(self.name, self.target, dict(key), self._seconds)
        self._connections.move_to_end(key)
        return self._connections[key]

    def _forget(self) -> None:
        """Close the connections of users who have long been silent; the one used longest ago stands first."""
        for key, connection in list(self._connections.items()):
            if connection.idle() < _IDLE_SECONDS and len(self._connections) < _MOST_CONNECTIONS:
                return
            if not connection.busy:
                del self._connections[key]
                task = asyncio.create_task(connection.close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    def __repr__(self) -> str:
        return f"McpServer({self.name!r})"


class _Caller(NamedTuple):
    """One call, as often as it has to be made."""

    connection: Connection
    tool: types.Tool
    arguments: dict[str, Any]
    meta: Any
    context: requests.RunContext

    async def call(self, server: str) -> dict[str, Any]:
        """The result as it came."""
        if tasks.supports(self.tool) and await self.connection.runs_tasks():
            calls = tasks.TaskCalls(server, self.connection)
            result = await calls.call(self.tool, self.arguments, self.meta, self._note)
            meta: Any = result.get("_meta")
        else:
            meta = (await self.connection.run(self._work)).meta
        raw: dict[str, Any] = (meta or {}).get(results.RAW) or {}
        return raw

    def _note(self, message: str) -> None:
        self.context.progress(message[:_LONGEST_PROGRESS])

    async def _report(self, progress: float, total: float | None, message: str | None) -> None:
        done = min(max(progress / total, 0.0), 1.0) if total and total > 0 else None
        self.context.progress((message or self.tool.name)[:_LONGEST_PROGRESS], done)

    async def _work(self, client: Client) -> types.CallToolResult:
        name, arguments = self.tool.name, self.arguments
        seconds = self.context.time_left()
        return await client.call_tool(name, arguments, seconds, progress_callback=self._report, meta=self.meta)


def _addresses(data: Any) -> list[str]:
    """Those of a URL elicitation (MCP 2025-11-25)."""
    asked = data.get("elicitations") if isinstance(data, dict) else None
    return [str(one["url"])[:500] for one in asked or [] if isinstance(one, dict) and "url" in one][:5]


def _line(message: str) -> str:
    return " ".join(message.split())[:500]


__all__ = ["Http", "McpServer", "Stdio"]
