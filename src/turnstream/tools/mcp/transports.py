"""How an MCP server is reached. Entering a target gives the SDK's two streams, and someone is told when they break."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from turnstream import errors
from turnstream.tools.auth import Auth
from turnstream.tools.http_client import HttpOptions, retry_after
from turnstream.tools.mcp import http_answers, wire
from turnstream.tools.mcp.process import Process, streams as process_streams
from turnstream.tools.mcp.signing import signing

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger("turnstream.tools.mcp")

CURRENT: ContextVar[Attempt | None] = ContextVar("turnstream_mcp_attempt", default=None)
"""The call for which a request is being sent. The SDK sends each in the context of whoever asked for it."""

_SESSION_HEADER = "mcp-session-id"
_LARGEST_EVENT = 32 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Attempt:
    """What the transport met for one call. ``refused`` says that the server cannot have executed it, ``retry_after`` in
    how many seconds it wants to be asked again."""

    status: int | None = None
    refused: bool = False
    retry_after: float | None = None


class Watcher(Protocol):
    def give_up(self, reason: str) -> None:
        """The connection is of no more use. Said any number of times."""


class Target(Protocol):
    """``headers`` are one user's: users with different ones need a connection each."""

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
        """Raises `NotStartedError`."""
        process = await Process.start(name, self.command, self.args, self.env, self.cwd)
        async with process_streams(process, watcher.give_up) as pair:
            yield pair


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
                return _client(everything, self._verify(), signed, watcher, posts_must_succeed=True)

            async with sse_client(self.url, httpx_client_factory=factory) as (read, write):
                yield _Watched(read, watcher), write
        else:
            async with (
                _client(everything, self._verify(), signed, watcher) as client,
                streamable_http_client(self.url, http_client=client, max_sse_event_size=_LARGEST_EVENT) as pair,
            ):
                read, write = pair
                yield _Watched(read, watcher), write

    def _verify(self) -> ssl.SSLContext | bool:
        return True if self.ca is None else ssl.create_default_context(cafile=self.ca)


def _client(
    headers: Mapping[str, str],
    verify: ssl.SSLContext | bool,
    auth: httpx2.Auth | None,
    watcher: Watcher,
    *,
    posts_must_succeed: bool = False,
) -> httpx2.AsyncClient:
    """A client for one connection, which notes what happens to each call and repairs what the server sends.

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
                    watcher.give_up("it cannot be reached")
                elif posts_must_succeed:
                    watcher.give_up("a message could not be sent")
                return httpx2.Response(502, request=request)
            except errors.ToolError as error:  # it was not sent: there are no credentials
                attempt.refused = True
                watcher.give_up(error.message[:1].lower() + error.message[1:].rstrip("."))
                return httpx2.Response(502, request=request)
            attempt.status = response.status_code
            attempt.retry_after = retry_after(response.headers, time.time())
            response = await http_answers.repair(request, response, partial(_check_message, watcher, attempt))
            if _SESSION_HEADER in request.headers and await http_answers.says_session_is_unknown(request, response):
                _forget(watcher, attempt)
            elif response.status_code == 401:
                attempt.refused = True
                watcher.give_up("it refuses the credentials")
            elif posts_must_succeed and request.method == "POST" and response.status_code >= 400:
                attempt.refused = True
                watcher.give_up(f"it refused a message with status {response.status_code}")
            return response

    # A silent server is the business of each call's time-out: a stream may be silent for as long as it likes.
    timeout = httpx2.Timeout(30.0, read=None)
    return Noting(headers=dict(headers), verify=verify, auth=auth, timeout=timeout)


def _check_message(watcher: Watcher, attempt: Attempt, message: wire.Message) -> None:
    if wire.says_session_is_unknown(message):
        _forget(watcher, attempt)


def _forget(watcher: Watcher, attempt: Attempt) -> None:
    attempt.refused = True
    watcher.give_up("it has forgotten the session")


class _Watched:
    """The SDK's stream of messages, of which the end is told."""

    def __init__(self, stream: Any, watcher: Watcher) -> None:
        self._stream = stream
        self._watcher = watcher

    @property
    def last_context(self) -> Any:
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> Any:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._watcher.give_up("it closed the connection")
            raise

    async def __aenter__(self) -> _Watched:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *details: Any) -> bool | None:
        ended: bool | None = await self._stream.__aexit__(*details)
        return ended
