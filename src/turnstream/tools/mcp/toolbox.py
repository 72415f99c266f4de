"""The tools of one MCP server."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from turnstream.events import ConfigurationError, Effect, RunContext, ToolCall, ToolError, ToolOutput, ToolSpec
from turnstream.tools import bounds
from turnstream.tools.forwarding import Forwarding
from turnstream.tools.json_arguments import arguments_of
from turnstream.tools.mcp import results
from turnstream.tools.mcp.connection import Connection
from turnstream.tools.mcp.session import Lost
from turnstream.tools.mcp.transports import Http, Stdio, Target

if TYPE_CHECKING:
    from typing import Self

    from mcp import Client, types

log = logging.getLogger("turnstream.tools.mcp")

_MOST_CONNECTIONS = 200
_IDLE_SECONDS = 300.0


class McpServer:
    """A toolbox. The server is started, or connected to, when its tools are first needed, and again when it is lost.

    ``forward_headers`` are request headers, ``forward_context`` maps a header to the context value that it carries.
    Both make a connection for each set of values, so no user's credentials serve another. ``effect`` replaces what the
    server says of its tools. ``start_timeout`` is in seconds, ``max_bytes`` bounds the text of a result. It must be
    entered before it is used.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        *,
        forward_headers: Sequence[str] = (),
        forward_context: Mapping[str, str] | None = None,
        effect: Effect | None = None,
        start_timeout: float = bounds.START_SECONDS,
        max_bytes: int = bounds.ANSWER_BYTES,
    ) -> None:
        self.name = name
        self.source = f"mcp:{name}"
        self.target = target
        self._forwarding = Forwarding(forward_headers, forward_context)
        if self._forwarding and not isinstance(target, Http):
            raise ConfigurationError("headers can be forwarded to a server behind HTTP only")
        self._effect = effect
        self._seconds = start_timeout
        self._max_bytes = max_bytes
        self._connections: OrderedDict[tuple[tuple[str, str], ...], Connection] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._users = 0

    async def __aenter__(self) -> Self:
        self._users += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._users -= 1
        if self._users == 0:
            connections, self._connections = self._connections, OrderedDict()
            await asyncio.gather(*(connection.close() for connection in connections.values()), *self._closing)

    async def tools(self, context: RunContext) -> list[ToolSpec]:
        """As the server last listed them; while it is down, what it listed before. Raises `ToolError` if there is
        nothing."""
        connection = self._connection(context)
        try:
            listed = await connection.tools()
        except Lost as error:
            raise ToolError(self._sentence(error)) from error
        return [results.spec(tool, name, self.source, self._effect) for name, tool in listed.items()]

    async def call(self, call: ToolCall, context: RunContext) -> ToolOutput:
        """Raises `ToolError`. A call is made again only if the server cannot have seen it."""
        from mcp import MCPError

        connection = self._connection(context)
        try:
            listed = await connection.tools()
            if call.name not in listed:
                raise ToolError(f"There is no tool named {call.name!r}.")
            work = self._work(listed[call.name], call, context)
            try:
                result = await connection.run(work)
            except Lost as error:
                if not error.refused:
                    raise
                result = await connection.run(work)
        except Lost as error:
            raise ToolError(self._sentence(error)) from error
        except MCPError as error:
            raise ToolError(f"The MCP server {self.name} answered: {_line(error.message)}") from error
        except (RuntimeError, ValueError) as error:  # the SDK's, for an answer that breaks the protocol or its schema
            log.warning("MCP server %s: bad answer to %s", self.name, call.name, exc_info=error)
            raise ToolError(f"The MCP server {self.name} gave a result that breaks its own rules.") from error
        return self._bounded(results.output(result), call.name)

    def _bounded(self, output: ToolOutput, name: str) -> ToolOutput:
        """What is too long for the model would take the run with it."""
        if results.text_size(output) > self._max_bytes:
            raise ToolError(f"The result of {name} is longer than {self._max_bytes} bytes.")
        if results.media_size(output) > results.MOST_MEDIA:
            raise ToolError(f"The images and files that {name} gave are too large.")
        return output

    def _work(self, tool: types.Tool, call: ToolCall, context: RunContext) -> Callable[[Client], Any]:
        arguments = arguments_of(call)
        spec = results.spec(tool, call.name, "", self._effect)
        meta: Any = {"turnstream/idempotencyKey": context.idempotency_key} if spec.effect == "once" else None

        async def report(progress: float, total: float | None, message: str | None) -> None:
            context.progress(message or call.name, min(progress / total, 1.0) if total else None)

        async def work(client: Client) -> types.CallToolResult:
            return await client.call_tool(tool.name, arguments, progress_callback=report, meta=meta)

        return work

    def _sentence(self, error: Lost) -> str:
        during = "" if error.refused else " It may have executed the call."
        return f"The MCP server {self.name} is not available: {error.reason}.{during}"

    def _connection(self, context: RunContext) -> Connection:
        if self._users == 0:
            raise ConfigurationError(f"the MCP server {self.name} is used before its agent is entered")
        key = tuple(sorted(self._forwarding.of(context).items()))
        if key not in self._connections:
            self._forget()
            if len(self._connections) >= _MOST_CONNECTIONS:
                raise ToolError(f"The MCP server {self.name} has too many users at once.")
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


def _line(message: str) -> str:
    return " ".join(message.split())[:500]


__all__ = ["Http", "McpServer", "Stdio"]
