"""A client's connection: uvicorn's, with limits on a request's head."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from turnstream import jsontext, timers
from turnstream.dialects import openai_chat
from turnstream.server import flow
from turnstream.server.gathering import Gathering
from turnstream.server.middleware.fields import MOST_FIELDS
from turnstream.server.sockets import Sockets

log = logging.getLogger(__name__)

HEAD_TIMEOUT = 30.0  # seconds for a request's head to arrive, and of silence before the first request
LARGEST_HEAD = 256 * 1024
MOST_PIPELINED = 16  # requests that wait for the answers to those before them


class _Refusal(NamedTuple):
    status: int
    message: str
    code: str = "invalid_http"


_NOT_HTTP = _Refusal(400, "The request is not valid HTTP.")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(:\d*)?", re.ASCII)  # RFC 3986, section 3.2.2


def _fault_of(version: str, headers: Sequence[tuple[bytes, bytes]]) -> _Refusal | None:
    """What RFC 9112 forbids and the parser lets pass (sections 2.3, 3.2 and 6.1)."""
    if version not in ("1.1", "1.0"):
        return _Refusal(505, "The server speaks HTTP/1.1.")
    fields = dict(headers)
    names = [name for name, _ in headers] if len(fields) < len(headers) else []  # where one comes twice
    host, coding = fields.get(b"host"), fields.get(b"transfer-encoding")
    if names.count(b"host") > 1 or (version == "1.1" and host is None):
        return _Refusal(400, "The request must have one Host.")
    if host is not None and not _HOST.fullmatch(host):
        return _Refusal(400, "The request's Host is not valid.")
    if coding is not None and (names.count(b"transfer-encoding") > 1 or coding.lower() != b"chunked"):
        return _Refusal(501, "The only transfer coding is chunked.")
    return None


def _do_nothing() -> None:
    pass


def _without_chunks(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """HTTP/1.0 has no chunks: the end of the connection is the end of a body of unknown length."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        is_counted = True

        async def send_plain(message: Any) -> None:
            nonlocal is_counted
            if message["type"] == "http.response.start":
                is_counted = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
                if not is_counted:
                    cycle.chunked_encoding = False
            elif not is_counted:
                cycle.expected_content_length = len(message.get("body", b""))  # as it comes, so it is never wrong
            await send(message)

        await app(scope, receive, send_plain)

    return wrapped


class Connection(HttpToolsProtocol):
    """uvicorn waits for a head, and for the trailers of a body, without end and in unbounded memory. What is not
    HTTP gets our error envelope, unless an answer is being sent: that just ends.

    Where uvicorn asks at each request for what this server never has (WebSockets, a limit of requests, a root path of
    uvicorn's own), or makes a timer or an event of the loop's own, there is a method of ours.
    """

    __slots__ = (
        "_advanced",
        "_answered",
        "_framing",
        "_gathering",
        "_refusal",
        "_rests",
        "_sockets",
        "_timer",
        "when_left",
    )

    def __init__(self, sockets: Sockets, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pipeline = flow.Queue()  # type: ignore[assignment]
        self._sockets = sockets
        self._refusal = _NOT_HTTP  # what a client hears whose request cannot be read on
        self._answered: RequestResponseCycle | None = None  # the last whose answer was begun
        self.when_left: Callable[[], None] | None = None  # is called when the client goes; whoever answers it sets it
        self._timer = timers.Timer(self.loop, self._give_up)  # of a head, or of a connection that rests
        self._rests = False  # nothing has come since the last answer
        self._framing = 0  # bytes since the last of a request's body
        self._advanced = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        self._gathering = Gathering(transport, self.loop)
        super().connection_made(self._gathering)
        self.flow = flow.Flow(self._gathering)
        if self._sockets.add(self.transport):
            self._timer.set_later(HEAD_TIMEOUT)
        else:
            self._refuse(503, "The server is busy: too many connections.", "server_busy")

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._sockets.discard(self.transport)
        if self._answered is not None and self._answered is not self.cycle:  # uvicorn tells the last request alone
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)
        if self.when_left is not None:
            self.when_left()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        if cycle.scope["http_version"] == "1.0":
            app = _without_chunks(app, cycle)
        answer: Any = app(cycle.scope, cycle.receive, cycle.send)  # a coroutine, which its type leaves open
        task: asyncio.Task[None] = self.loop.create_task(answer)
        self.tasks.add(task)
        task.add_done_callback(partial(self._end_answer, cycle))

    def _end_answer(self, cycle: RequestResponseCycle, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if cycle.response_complete and not task.cancelled() and task.exception() is None:
            cycle.on_response = _do_nothing  # which holds the connection
            return
        ending = self.loop.create_task(cycle.run_asgi(lambda scope, receive, send: task))  # uvicorn's way to end it
        self.tasks.add(ending)
        ending.add_done_callback(self.tasks.discard)

    def on_response_complete(self) -> None:
        self._gathering.flush()
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._rests = True
            self._timer.set_later(self.timeout_keep_alive)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sockets.put_on(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._sockets.take_off(self.transport)

    def data_received(self, data: bytes) -> None:
        self._advanced = False
        self._refusal = _NOT_HTTP
        if self._rests:
            self._rests = False
            self._timer.stop()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        except httptools.HttpParserError:
            self._refuse(*self._refusal)
        if self._advanced:
            self._framing = 0
        else:
            self._framing += len(data)
            if self._framing > LARGEST_HEAD:
                self._refuse(431, "The head of the request is too large.", "request_header_fields_too_large")
        if self._is_idle() and not self._timer.is_set() and not self.transport.is_closing():
            self._timer.set_later(HEAD_TIMEOUT)

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self.headers
        if len(headers) <= MOST_FIELDS:  # one more than may be is enough for the application to refuse them
            name = name.lower()
            headers.append((name, value))
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        self._advanced = True
        self._timer.stop()
        if len(self.pipeline) >= MOST_PIPELINED:
            raise ValueError  # ends the connection
        parser, scope, before = self.parser, self.scope, self.cycle
        version = parser.get_http_version()
        if (refusal := _fault_of(version, self.headers)) is not None:
            self._refusal = refusal
            raise ValueError
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"], scope["http_version"] = parser.get_method().decode("ascii"), version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"], scope["query_string"] = url.path, url.query or b""
        self.cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=flow.Event(),  # type: ignore[arg-type]  # as much of it as is asked for
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        self._advanced = True
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()

    def _refuse(self, status: int, message: str, code: str) -> None:
        if self.transport.is_closing():
            return
        log.info(
            "refused a connection: %d %s, %s", status, code, message, extra={"fields": {"status": status, "code": code}}
        )
        self._sockets.refused(status, code)
        if self._is_idle():
            body = jsontext.encode(openai_chat.envelope(message, status, code))
            head = f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def _is_idle(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, which uvicorn's types do not say
        return cycle is None or cycle.response_complete

    def _give_up(self) -> None:
        self.transport.close()
