"""How an MCP server is reached. Entering a target gives the SDK's two streams, and someone is told when they break."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from turnstream.events import ToolError
from turnstream.tools.auth import Auth
from turnstream.tools.http_client import HttpOptions
from turnstream.tools.mcp.listing import mended
from turnstream.tools.mcp.signing import signing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    import httpx2

log = logging.getLogger("turnstream.tools.mcp")

CURRENT: ContextVar[Attempt | None] = ContextVar("turnstream_mcp_attempt", default=None)
"""The call for which a request is being sent. The SDK sends each in the context of whoever asked for it."""

_SESSION_HEADER = "mcp-session-id"
_LONGEST_LINE = 1000


@dataclass(slots=True, eq=False)
class Attempt:
    """What the transport met for one call. ``refused`` says that the server cannot have executed it."""

    status: int | None = None
    refused: bool = False


class Watcher(Protocol):
    def lost(self, reason: str) -> None:
        """The connection is of no more use. Said any number of times."""


class Target(Protocol):
    """``per_user`` says that requests carry ``headers``, so users with different ones need a connection each."""

    def streams(self, name: str, headers: Mapping[str, str], watcher: Watcher) -> AbstractAsyncContextManager[Any]: ...


@dataclass(frozen=True, slots=True)
class Stdio:
    """A server that is a process of ours. It gets ``env`` and a few harmless variables (PATH, HOME, …), no others."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None

    @asynccontextmanager
    async def streams(self, name: str, headers: Mapping[str, str], watcher: Watcher) -> AsyncIterator[Any]:
        """Raises `OSError` if there is no such command."""
        from mcp.client.stdio import StdioServerParameters, stdio_client

        server = StdioServerParameters(
            command=self.command,
            args=list(self.args),
            env=dict(self.env),
            cwd=self.cwd,
            encoding_error_handler="replace",  # a line that is no message is skipped, whatever its bytes
        )
        with _logged(name) as errors:
            async with stdio_client(server, errlog=errors) as (read, write):
                yield _Watched(read, watcher), write


@dataclass(frozen=True, slots=True)
class Http:
    """A server behind HTTP. ``ca`` is a file of certificates to trust instead of the system's. ``auth`` gives each
    request its headers; ``auth_options`` are for requests of its own, to a server that gives tokens.
    """

    url: str
    transport: Literal["streamable-http", "sse"] = "streamable-http"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: str | None = None
    auth: Auth | None = field(default=None, repr=False)
    auth_options: HttpOptions = field(default_factory=HttpOptions)

    @asynccontextmanager
    async def streams(self, name: str, headers: Mapping[str, str], watcher: Watcher) -> AsyncIterator[Any]:
        from mcp.client.sse import sse_client
        from mcp.client.streamable_http import streamable_http_client

        everything = {**self.headers, **headers}
        signed = None if self.auth is None else signing(self.auth, self.auth_options, headers)
        if self.transport == "sse":

            def factory(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
                return _client(everything, self._verified(), signed, watcher, posts_must_succeed=True)

            async with sse_client(self.url, httpx_client_factory=factory) as (read, write):
                yield _Watched(read, watcher), write
        else:
            async with (
                _client(everything, self._verified(), signed, watcher) as client,
                streamable_http_client(self.url, http_client=client) as (read, write),
            ):
                yield _Watched(read, watcher), write

    def _verified(self) -> ssl.SSLContext | bool:
        return True if self.ca is None else ssl.create_default_context(cafile=self.ca)


def _client(
    headers: Mapping[str, str],
    verify: ssl.SSLContext | bool,
    auth: httpx2.Auth | None,
    watcher: Watcher,
    *,
    posts_must_succeed: bool = False,
) -> httpx2.AsyncClient:
    """A client for one connection, which notes what happens to each call.

    The SDK lets one failed request take down its whole session, so a request that fails becomes a response with
    status 502, which fails its own call alone. With ``posts_must_succeed`` a message that the server refuses ends the
    connection: over SSE the SDK would wait for its answer for ever.
    """
    import httpx2

    class Noting(httpx2.AsyncClient):
        async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            attempt = CURRENT.get() or Attempt()
            try:
                response = await super().send(request, **options)
            except httpx2.TransportError as error:
                log.debug("%s %s failed: %r", request.method, request.url.host, error)
                if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                    attempt.refused = True
                    watcher.lost("it cannot be reached")
                elif posts_must_succeed:
                    watcher.lost("a message could not be sent")
                return httpx2.Response(502, request=request)
            except ToolError as error:  # it was not sent: there are no credentials to be had
                attempt.refused = True
                watcher.lost(error.message[:1].lower() + error.message[1:].rstrip("."))
                return httpx2.Response(502, request=request)
            attempt.status = response.status_code
            if _SESSION_HEADER in request.headers and await _session_is_unknown(response):
                attempt.refused = True
                watcher.lost("it has forgotten the session")
            elif response.status_code == 401:
                watcher.lost("it refuses the credentials")
            elif posts_must_succeed and request.method == "POST" and response.status_code >= 400:
                attempt.refused = True
                watcher.lost(f"it refused a message with status {response.status_code}")
            return response

    # A silent server is the business of each call's time-out: a stream may be silent for as long as it likes.
    timeout = httpx2.Timeout(30.0, read=None)
    return Noting(headers=dict(headers), verify=verify, auth=auth, timeout=timeout)


async def _session_is_unknown(response: httpx2.Response) -> bool:
    """The specification wants 404; many servers answer 400 and say so in words."""
    return response.status_code == 404 or (
        response.status_code == 400 and b"session" in (await response.aread()).lower()
    )


class _Watched:
    """The SDK's stream of messages, mended, and its end is told."""

    def __init__(self, stream: Any, watcher: Watcher) -> None:
        self._stream = stream
        self._watcher = watcher

    @property
    def last_context(self) -> Any:
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> Any:
        return mended(await self._stream.receive())

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> Any:
        try:
            return mended(await self._stream.__anext__())
        except StopAsyncIteration:
            self._watcher.lost("it closed the connection")
            raise

    async def __aenter__(self) -> _Watched:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *details: Any) -> bool | None:
        ended: bool | None = await self._stream.__aexit__(*details)
        return ended


@contextmanager
def _logged(name: str) -> Iterator[TextIO]:
    """A file whose lines go to the log: what a process writes to its standard error."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    loop = asyncio.get_running_loop()
    rest = bytearray()

    def read() -> None:
        try:
            piece = os.read(reading, 65536)
        except BlockingIOError:
            return
        if not piece:
            loop.remove_reader(reading)
        rest.extend(piece)
        *lines, last = bytes(rest).split(b"\n")
        rest[:] = last[-_LONGEST_LINE:]
        for line in lines:
            log.info("%s: %s", name, line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip())

    loop.add_reader(reading, read)
    try:
        with open(writing, "w") as errors:
            yield errors
        read()
    finally:
        loop.remove_reader(reading)
        os.close(reading)
