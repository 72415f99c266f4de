"""A client for an ASGI application in the same process, which streams.

httpx's ``ASGITransport`` gives a response only when the application has ended; here the first piece is there while the
application still works, the application is at most one piece ahead, and it hears when the client leaves.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

from turnstream.parsing import sse

_Message: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[
    [_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Awaitable[None]
]


@asynccontextmanager
async def streaming_client(
    app: App, *, headers: Mapping[str, str] | None = None, timeout: float = 10.0, lifespan: bool = True
) -> AsyncIterator[Client]:
    """Start the application and give a `Client` of it; ``headers`` go with each request.

    ``timeout`` is in seconds and bounds each wait: for the start of a response, for its next piece, and for the
    application to end after the client left. It is a `TimeoutError` then.
    """
    async with AsyncExitStack() as stack:
        state: dict[str, Any] = {}
        if lifespan:
            await stack.enter_async_context(_lifespan(app, state, timeout))
        yield Client(app, dict(headers or {}), timeout, state)


@asynccontextmanager
async def _lifespan(app: App, state: dict[str, Any], timeout: float) -> AsyncIterator[None]:
    """The application's start and shutdown. One that does not support them is served without."""
    orders: asyncio.Queue[_Message] = asyncio.Queue()
    answers: asyncio.Queue[_Message] = asyncio.Queue()
    scope: _Message = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}

    async def live() -> None:
        try:
            await app(scope, orders.get, answers.put)
        except Exception as error:  # by the specification, it means that the application has no lifespan
            await answers.put({"type": "unsupported", "error": error})
        else:
            await answers.put({"type": "ended"})

    async def ask(order: str) -> str:
        await orders.put({"type": f"lifespan.{order}"})
        answer = await asyncio.wait_for(answers.get(), timeout)
        if answer["type"] == f"lifespan.{order}.failed":
            raise RuntimeError(f"the application's {order} failed: {answer.get('message', '')}")
        return str(answer["type"])

    task = asyncio.create_task(live())
    try:
        started = await ask("startup") == "lifespan.startup.complete"
        yield
        if started:
            await ask("shutdown")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Client:
    """Makes requests; any number at once."""

    def __init__(self, app: App, headers: dict[str, str], timeout: float, state: dict[str, Any]) -> None:
        self._app = app
        self._headers = headers
        self._timeout = timeout
        self._state = state

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> _Opening:
        return self.request("GET", path, headers=headers)

    def post(
        self, path: str, json: Any = None, *, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> _Opening:
        """``json`` becomes the body unless it is None; ``content`` is a body as it is."""
        return self.request("POST", path, json, content=content, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> _Opening:
        """``async with`` it for the `Response`; leaving the block is the client leaving."""
        body, kind = (content, {}) if json is None else (_dumps(json), {"content-type": "application/json"})
        sent = {"host": "testserver", "content-length": str(len(body)), **kind, **self._headers, **(headers or {})}
        path, _, query = path.partition("?")
        scope: _Message = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": quote(path, safe="/%:@!$&'()*+,;=~").encode("ascii"),
            "query_string": query.encode("ascii"),
            "root_path": "",
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("testserver", 80),
            "state": dict(self._state),
        }
        return _Opening(Response(self._timeout), self._app, scope, body)


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


class Response:
    """``status``, ``headers`` (names in lower case), and the body, piece by piece as the application sent it.

    An exception of the application is raised where its next piece would have come, or else when the block is left.
    """

    def __init__(self, timeout: float) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.left = asyncio.Event()
        self.error: BaseException | None = None
        self._timeout = timeout
        self._sent: asyncio.Queue[_Message | BaseException | None] = asyncio.Queue(1)
        self._ended = False

    def __aiter__(self) -> Response:
        return self

    async def __anext__(self) -> bytes:
        while not self._ended:
            message = await self._next()
            if message is None:
                break
            if body := message.get("body", b""):
                return bytes(body)
        raise StopAsyncIteration

    async def _next(self) -> _Message | None:
        message = await asyncio.wait_for(self._sent.get(), self._timeout)
        if message is None or isinstance(message, BaseException):
            self._ended = True
            if message is not None:
                self.error = None
                raise message
            return None
        return message

    async def read(self) -> bytes:
        """All of the body that was not read yet."""
        return b"".join([piece async for piece in self])

    async def json(self) -> Any:
        return json.loads(await self.read())

    async def events(self) -> AsyncIterator[sse.Event]:
        """The body as server-sent events."""
        decoder = sse.Decoder()
        async for piece in self:
            for event in decoder.feed(piece):
                yield event
        for event in decoder.close():
            yield event


class _Opening:
    """A request on its way: entered, the application runs and has sent its status and headers."""

    def __init__(self, response: Response, app: App, scope: _Message, body: bytes) -> None:
        self._response = response
        self._app = app
        self._scope = scope
        self._body = body
        self._body_sent = False

    async def __aenter__(self) -> Response:
        self._task = asyncio.create_task(self._serve())
        try:
            start = await self._response._next()
        except BaseException:
            await self._leave()
            raise
        if start is None or start["type"] != "http.response.start":
            await self._leave()
            raise AssertionError("the application ended without a response")
        self._response.status = start["status"]
        for name, value in start.get("headers", ()):
            self._response.headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        return self._response

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self._leave()
        if kind is None and self._response.error is not None:
            raise self._response.error

    async def _leave(self) -> None:
        """The client is gone. The application hears it and has ``timeout`` seconds to end; then it is a failure."""
        self._response.left.set()
        self._response._sent = asyncio.Queue()  # what is still sent goes nowhere, and nobody waits for a reader
        done, _ = await asyncio.wait({self._task}, timeout=self._response._timeout)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=self._response._timeout)
            raise TimeoutError("the application did not end after its client left")

    async def _serve(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as error:  # the application's failure is the test's to see, at its next read or at the end
            self._response.error = error
            await self._put(error)
        else:
            await self._put(None)

    async def _receive(self) -> _Message:
        if not self._body_sent:
            self._body_sent = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._response.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: _Message) -> None:
        """As a server does: what is sent after the client left is dropped."""
        if message["type"] in ("http.response.start", "http.response.body"):
            await self._put(message)

    async def _put(self, message: _Message | BaseException | None) -> None:
        """Give it to the reader, once what was sent before is taken. Nothing is sent to a client that has left."""
        sent, left = self._response._sent, self._response.left
        if sent.full() and not left.is_set():
            putting, leaving = asyncio.ensure_future(sent.put(message)), asyncio.ensure_future(left.wait())
            try:
                await asyncio.wait({putting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                putting.cancel()
                leaving.cancel()
        elif not left.is_set():
            sent.put_nowait(message)
