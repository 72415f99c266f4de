"""HTTP/1.1 over a bare asyncio protocol: the plain request to a vendor, at a fraction of a library's cost.

aiohttp makes three calls into Python and an entry in a queue for each HTTP chunk, which with most vendors is a token.
Here a read of the socket is one call, whatever it holds. What is not plain (a proxy, an address that needs quoting)
goes through aiohttp; see `turnstream.providers.transport.full_http`. Failures are `OSError`.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

try:
    import httptools
except ImportError:  # where it cannot be built, aiohttp does it all
    _AVAILABLE = False
else:
    _AVAILABLE = True

from turnstream import timers
from turnstream.providers import base
from turnstream.providers.transport import inflate, names

_PLAIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\r\n\0]*")
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
_LARGEST_HEAD = 64 * 1024
_LARGE = 64 * 1024  # bytes of a body that is not copied behind its head
_HIGH_WATER = 256 * 1024
"""Bytes that wait for their reader before the connection stops reading."""


class NotHttpError(ConnectionError):
    """What came is not an HTTP response."""


@lru_cache(256)
def plain(url: str) -> bool:
    """Whether this module may send a request to that address."""
    return _AVAILABLE and _PLAIN.fullmatch(url) is not None


class Body:
    """An answer's body as it arrives: `readany` gives all that has come, and b"" at the end."""

    __slots__ = (
        "_complete",
        "_connection",
        "_error",
        "_inflater",
        "_pieces",
        "_size",
        "_waiter",
        "is_going_on",
        "take",
    )

    def __init__(self, connection: Connection, coding: str) -> None:
        self._connection = connection
        self._inflater = inflate.reader(coding) if coding else None
        self._pieces: list[bytes] = []
        self._size = 0
        self._complete = False
        self._error: BaseException | None = None
        self.is_going_on = True  # neither complete nor broken
        self.take: Callable[[bytes], bool] | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def relay(self, take: Callable[[bytes], bool]) -> None:
        """Until something is to be read with `readany`: each piece goes to ``take`` as it arrives, from within the read
        of the socket, and after the first for which that says False the next are kept. ``take`` never raises."""
        if self._pieces or self._complete or self._error is not None:
            return
        self.take = take if self._inflater is None else self._inflating(self._inflater, take)
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        finally:
            self.take = self._waiter = None

    def _inflating(
        self, inflater: inflate.Inflater | inflate.Refusal, take: Callable[[bytes], bool]
    ) -> Callable[[bytes], bool]:
        def inflated(piece: bytes) -> bool:
            piece = inflater.feed(piece)
            return not piece or take(piece)

        return inflated

    async def readany(self) -> bytes:
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._complete:
                return b""
            self._waiter = self._connection.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        pieces, self._pieces = self._pieces, []
        if self._size > _HIGH_WATER:
            self._connection.resume()
        self._size = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def watch(self, callback: Callable[[], object]) -> timers.Timer:
        """The connection's timer, which is the body's until `unwatch`."""
        timer = self._connection.timer
        timer.callback = callback
        return timer

    def unwatch(self) -> None:
        self._connection.timer.stop()

    def at_eof(self) -> bool:
        return self._complete and not self._pieces

    def set_exception(self, error: BaseException, *, even_if_complete: bool = False) -> None:
        if self._error is None and (even_if_complete or not self._complete):
            self._error, self.is_going_on = error, False
            self.wake()

    def feed(self, piece: bytes) -> None:
        if self._inflater is not None:
            piece = self._inflater.feed(piece)
        if piece:
            self._pieces.append(piece)
            self._size += len(piece)

    def complete(self) -> None:
        self._complete, self.is_going_on = True, False

    def is_full(self) -> bool:
        return self._size > _HIGH_WATER

    def wake(self) -> None:
        """Tell who waits, unless what came was taken."""
        if self.take is not None and self.is_going_on:
            return
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Response:
    """``headers`` have lower-case names; of a repeated one the last is kept."""

    __slots__ = ("_connection", "_fields", "content", "status")

    def __init__(self, connection: Connection, status: int, fields: dict[bytes, bytes]) -> None:
        self.status = status
        self._fields = fields
        coding = fields.get(b"content-encoding", b"")
        self.content = Body(connection, str(coding, "latin-1").strip().lower() if coding else "")
        self._connection = connection

    @property
    def headers(self) -> dict[str, str]:
        return {str(name, "latin-1"): str(value, "latin-1") for name, value in self._fields.items()}

    def forget_headers(self) -> None:
        self._fields = {}

    def release(self) -> None:
        """Give the connection back: the answer was read to its end."""
        self._connection.release()

    def close(self) -> None:
        self._connection.abort()


class Connection(asyncio.Protocol):
    """One connection of a pool. Answers one request at a time."""

    __slots__ = (
        *("_arrived", "_body", "_fields", "_head", "_head_size", "_keep", "_origin", "_parser", "_pool"),
        *("_transport", "_until_close", "loop", "on_body", "timer"),
    )

    def __init__(self, pool: Pool, origin: _Origin) -> None:
        self.loop = pool.loop
        self._pool, self._origin = pool, origin
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None  # while it is open
        self._fields: dict[bytes, bytes] = {}
        self._head: asyncio.Future[Response] | None = None
        self._body: Body | None = None
        self._head_size = 0
        self._until_close = False
        self._keep = False
        self.timer = timers.Timer(self.loop, self.abort)  # for what it waits for: a head, a body, its next request
        self._arrived: list[bytes] = []
        self.on_body = self._arrived.append  # the parser's callback: no frame of ours for each HTTP chunk

    async def ask(self, request: Sequence[bytes], until: float) -> Response:
        """Send a request, in pieces, and wait for the head of its answer. Raises `TimeoutError` at ``until``, by the
        loop's clock."""
        assert self._transport is not None
        self._head_size = 0
        self._head = self.loop.create_future()
        self._transport.writelines(request)
        self.timer.callback = self._give_up
        self.timer.set_at(until)
        try:
            return await self._head
        except BaseException:
            self.abort()
            raise
        finally:
            self.timer.stop()

    def release(self) -> None:
        transport, body, self._body, self._head = self._transport, self._body, None, None
        if transport is None or transport.is_closing():
            return
        if not self._keep or body is None or not body.at_eof() or self._pool.closed:
            transport.abort()
            return
        self.timer.callback = self.abort
        self.timer.set_later(self._pool.keep_alive)
        self._pool.idle.setdefault(self._origin, []).append(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def was_stale(self) -> bool:
        """Whether it was lost without a byte of an answer: a vendor that closes idle connections never saw the
        request."""
        return self._head_size == 0 and self._body is None

    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # ---------------------------------------------------------------------------------------------- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass of asyncio's
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if self._head is None or parser is None:  # nobody asked
            self.abort()
            return
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(NotHttpError(str(error.__context__ or error)))
            self.abort()
        except httptools.HttpParserUpgrade:
            self._fail(NotHttpError("the answer switches to another protocol"))
            self.abort()
        body, arrived = self._body, self._arrived
        if not arrived:  # all of it is framing: a head, the sizes of chunks, trailers
            self._head_size += len(data)
            if self._head_size > _LARGEST_HEAD:
                self._fail(NotHttpError(f"the {'framing' if body else 'head'} of the answer is too large"))
                self.abort()
        if body is None:
            return
        if arrived:
            piece = arrived[0] if len(arrived) == 1 else b"".join(arrived)
            arrived.clear()
            self._head_size = 0
            try:
                if (take := body.take) is None:
                    body.feed(piece)
                elif take(piece):
                    if body.is_going_on:
                        return
                else:
                    body.take = None
            except OSError as error:
                body.set_exception(error, even_if_complete=True)
                self.abort()
        if body.is_full() and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        body.wake()

    def eof_received(self) -> None:
        if self._until_close and self._body is not None:
            self._body.complete()
            self._body.wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = self._parser = None  # the parser knows this object
        self.timer.cancel()
        self._pool.forget(self._origin, self)
        self._fail(error or ConnectionResetError("the connection was closed before the end of the answer"))

    def _give_up(self) -> None:
        self._fail(TimeoutError())

    def _fail(self, error: BaseException) -> None:
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
        if self._body is not None:
            self._body.set_exception(error)

    # ------------------------------------------------------------------------------------- httptools.HttpResponseParser

    def on_message_begin(self) -> None:
        """Also behind an answer's end: the beginning of one that nobody asked for would be the next request's."""
        self._keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size > _LARGEST_HEAD:
            raise NotHttpError("the head of the answer is too large")
        self._fields[name.lower()] = value

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status, fields, self._fields = self._parser.get_status_code(), self._fields, {}
        if status < 200:  # informational: the answer is still to come
            return
        if self._head is None or self._head.done():
            raise NotHttpError("an unsolicited answer")
        self._keep = self._parser.should_keep_alive()
        self._until_close = b"content-length" not in fields and b"transfer-encoding" not in fields
        response = Response(self, status, fields)
        self._body = response.content
        self._head.set_result(response)

    def on_message_complete(self) -> None:
        if self._body is not None:
            self._body.complete()


class _Origin(NamedTuple):
    """Where a connection leads: equal for what may share one."""

    host: str
    port: int
    tls: bool
    is_address: bool

    @classmethod
    def of(cls, parts: SplitResult) -> _Origin:
        host, tls = parts.hostname or "", parts.scheme == "https"
        return cls(host, parts.port or (443 if tls else 80), tls, _IPV4.fullmatch(host) is not None)


class Pool:
    """Connections of one event loop that wait for their next request, for ``keep_alive`` seconds each."""

    def __init__(self, keep_alive: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.keep_alive = keep_alive
        self.closed = False
        self.idle: dict[_Origin, list[Connection]] = {}
        self._tls: ssl.SSLContext | None = None
        self._names = names.Names()

    async def request(self, request: base.HttpRequest, timeouts: base.Timeouts) -> Response:
        """The answer's head. Raises `OSError`, and `TimeoutError` where it has not come within ``first_token``
        seconds."""
        origin, head, fields = _route(request.method, request.url, tuple(request.headers.items()))
        before = b"%b%d%b" % (head, len(request.body), fields)
        message = (before + request.body,) if len(request.body) < _LARGE else (before, request.body)
        until = self.loop.time() + timeouts.first_token
        while (waiting := self._waiting(origin)) is not None:
            try:
                return await waiting.ask(message, until)
            except ConnectionError:
                if not waiting.was_stale():
                    raise
        connection = await self._connect(origin, timeouts.connect, until)
        return await connection.ask(message, until)

    def close(self) -> None:
        self.closed = True
        for connections in self.idle.values():
            for connection in tuple(connections):
                connection.abort()
        self._names.close()

    def forget(self, origin: _Origin, connection: Connection) -> None:
        waiting = self.idle.get(origin)
        if waiting and connection in waiting:
            waiting.remove(connection)

    def _waiting(self, origin: _Origin) -> Connection | None:
        waiting = self.idle.get(origin)
        while waiting:
            connection = waiting.pop()
            if connection.is_open():
                return connection
        return None

    async def _connect(self, origin: _Origin, timeout: float, until: float) -> Connection:
        loop = self.loop
        if origin.tls and self._tls is None:
            self._tls = ssl.create_default_context()
        try:
            async with asyncio.timeout_at(min(loop.time() + timeout, until)):
                where: dict[str, Any]
                if origin.is_address:  # half the cost, and half the turns of the loop
                    where = {"host": origin.host, "port": origin.port}
                else:
                    where = {"sock": await self._names.connect(origin.host, origin.port)}
                if origin.tls:
                    where |= {"ssl": self._tls, "server_hostname": origin.host}
                _, connection = await loop.create_connection(partial(Connection, self, origin), **where)
        except TimeoutError as error:
            if loop.time() >= until:
                raise
            raise ConnectionError(f"no connection within {timeout:g} seconds") from error
        return connection


@lru_cache(256)
def _route(method: str, url: str, headers: tuple[tuple[str, str], ...]) -> tuple[_Origin, bytes, bytes]:
    """Where a request goes, and its head (RFC 9112, section 3) before and behind the length of its body. Most requests
    have the head of the one before. Raises ValueError for a header that would break out of its line."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = {
        "host": parts.netloc,
        "user-agent": "turnstream",
        "accept-encoding": "identity",
        **dict(headers),
    }
    fields.pop("content-length", None)
    fields["content-length"] = ""
    lines = [f"{name}: {value}" for name, value in fields.items()]
    if not all(map(_FIELD.fullmatch, lines)):
        raise ValueError("a header has characters that are not allowed in it")
    head = "\r\n".join((f"{method} {target} HTTP/1.1", *lines))
    return _Origin.of(parts), head.encode(), b"\r\n\r\n"
