"""A run as an HTTP answer: whole, or as a stream. Whoever leaves, the client or the server, the run ends with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from turnstream.agent import Run
from turnstream.dialects.base import Call, compact, outcome
from turnstream.events import (
    ProviderError,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunFinished,
    RunStarted,
    StepStarted,
    Usage,
)
from turnstream.server import replies
from turnstream.server.refusals import Refusals
from turnstream.server.state import State
from turnstream.service import ServerSettings

log = logging.getLogger(__name__)

STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}


class Answer(Response):
    """What both forms share: the watch for a client that leaves, and the end by `stop`.

    A run is left from outside by the deadline of an `asyncio.timeout`, which is moved to now: that cancels what the
    run awaits and nothing else.
    """

    def __init__(self, run: Run, call: Call, refuse: Refusals, state: State, settings: ServerSettings) -> None:
        self._run, self._call, self._refuse = run, call, refuse
        self._state, self._settings = state, settings
        self._limit: asyncio.Timeout | None = None
        self._over = False
        self._failure: RunFailed | None = None
        self.background = None

    @property
    def run_id(self) -> str:
        return self._run.id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, scope.get(replies.SEND, send)
        watcher = asyncio.create_task(self._watch())
        began = asyncio.get_running_loop().time()
        try:
            with self._state.holds(self):
                await self._answer()
        finally:
            self._over = True
            watcher.cancel()
            self._book(asyncio.get_running_loop().time() - began)

    async def _answer(self) -> None:
        try:
            async with asyncio.timeout(None) as self._limit, self._run:
                await self._follow()
        except Exception as error:  # a fault of ours: the client gets an error, and not a stream that just stops
            if not (isinstance(error, TimeoutError) and self._limit is not None and self._limit.expired()):
                log.exception("request %s failed", replies.request_id(self._scope))
                self._failure = failure_of(None)
        if self._failure is not None:
            await self._fail(self._failure)

    def _book(self, seconds: float) -> None:
        """One line in the log for each run, without a word of what was said."""
        run = self._run
        match run.outcome:
            case RunFinished(reason=reason, steps=steps):
                end = f"finished ({reason}), steps: {steps}"
            case RunFailed(code=code):
                end = f"failed ({code})"
            case _:
                end = "was left by its client" if self._failure is None else f"was ended ({self._failure.code})"
        used = f"{run.usage.input} + {run.usage.output} tokens"
        log.info("run %s of %s %s, %s, %.2f s", run.id, run.agent.name, end, used, seconds)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.stop(None)

    def stop(self, failure: RunFailed | None) -> None:
        """Leave the run now. The client hears of the failure; None if it is gone."""
        if self._over or self._limit is None:
            return
        self._over = True
        self._failure = failure
        self._limit.reschedule(asyncio.get_running_loop().time())

    async def _follow(self) -> None:
        raise NotImplementedError

    async def _fail(self, failure: RunFailed) -> None:
        """Nothing has been sent: the failure is an HTTP status."""
        error = ProviderError(
            failure.message, code=failure.code, status=failure.status, retry_after=failure.retry_after
        )
        headers = {"x-should-retry": "false"} if self._run.acted or not failure.retryable else None
        response = self._refuse(self._scope, error, headers)
        self._over = True
        await response(self._scope, self._receive, self._send)


class WholeAnswer(Answer):
    async def _follow(self) -> None:
        events: list[RunEvent] = []
        async for batch in self._run.batches():
            events += batch
        end = outcome(events)
        if not isinstance(end, RunFinished):
            self._failure = failure_of(end)
            return
        reply = self._call.reply(self._run.agent.name, compact(events))
        self._over = True
        await replies.respond(self._scope, reply)(self._scope, self._receive, self._send)


class StreamedAnswer(Answer):
    """One write for each batch of events.

    The HTTP status waits for the model's first word or failure, but not longer than ``first_byte_hold``. A timer sends
    what was held back, and later the heartbeats; it never sends while a batch is being sent.
    """

    def __init__(self, run: Run, call: Call, refuse: Refusals, state: State, settings: ServerSettings) -> None:
        super().__init__(run, call, refuse, state, settings)
        self._encoder = call.encoder(run.agent.name)
        self._held: list[bytes] = []
        self._open = self._sending = False
        self._aside: asyncio.Task[None] | None = None

    async def _answer(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(self._settings.first_byte_hold, self._tick)
        try:
            await super()._answer()
        finally:
            self._timer.cancel()
            self._encoder.close()  # if the client has left, what the dialect remembers of the run must end too

    async def _follow(self) -> None:
        feed, send, now = self._encoder.feed, self._send, self._loop.time
        async for batch in self._run.batches():
            if self._open:
                if data := feed(batch):
                    if self._aside is not None:
                        await asyncio.shield(self._aside)
                    # `_body`, written out: this is done for every network read
                    self._sending = True
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                    self._sending = False
                    self._last = now()
                continue
            failure = next((event for event in batch if isinstance(event, RunFailed | RunCancelled)), None)
            if failure is not None and is_quiet(batch[:-1]):
                await self._fail(failure_of(failure))
                return
            self._held.append(feed(batch))
            if not is_quiet(batch):
                self._open = True
                await self._start()
        await self._finish(self._encoder.close())

    async def _fail(self, failure: RunFailed) -> None:
        if self._open:
            await self._finish(self._encoder.feed([failure]))
        else:
            await super()._fail(failure)

    # ----------------------------------------------------------------------------------------------------- sending

    async def _start(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(self._settings.heartbeat, self._tick)
        headers = {"x-request-id": replies.request_id(self._scope), **STREAM_HEADERS, **self._call.headers}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self._sending = True
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})
        held, self._held = b"".join(self._held), []
        await self._body(held)

    async def _body(self, data: bytes, more: bool = True) -> None:
        self._sending = True
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self._sending = False
        self._last = self._loop.time()

    async def _finish(self, rest: bytes) -> None:
        if self._aside is not None:
            await self._aside
        if not self._open:
            self._open = True
            self._held.append(rest)
            rest = b""
            await self._start()
        self._over = True
        self._timer.cancel()
        await self._body(rest, more=False)

    def _tick(self) -> None:
        """What the clock asks for: the start of the stream, a heartbeat, or the end of a client that does not read."""
        heartbeat, silent = self._settings.heartbeat, self._loop.time() - self._last
        wait = heartbeat
        if self._over:
            return
        if not self._open:
            self._open = True
            self._aside = self._loop.create_task(self._by_itself(None))
            return  # the start winds the clock
        elif self._sending:
            if silent > self._settings.send_timeout:
                log.info("run %s is left: its client has not read for %.0f s", self._run.id, silent)
                self.stop(None)
        elif silent >= heartbeat:
            self._aside = self._loop.create_task(self._by_itself(self._encoder.heartbeat()))
        else:
            wait = heartbeat - silent
        self._timer = self._loop.call_later(wait, self._tick)

    async def _by_itself(self, data: bytes | None) -> None:
        """Send while the run is silent: a heartbeat, or with None the start of the stream."""
        try:
            await (self._start() if data is None else self._body(data))
        except OSError:  # the client is gone; the watch will say so
            pass
        finally:
            self._aside = None


def is_quiet(events: Iterable[RunEvent]) -> bool:
    """Whether nothing has come of the model yet."""
    return all(isinstance(event, RunStarted | StepStarted) for event in events)


def failure_of(end: RunEvent | None) -> RunFailed:
    match end:
        case RunFailed():
            return end
        case RunCancelled():
            return RunFailed("cancelled", "The run was cancelled.", 503, end.usage)
        case _:
            text = "The run failed because of an error in the server; its log has the details."
            return RunFailed("internal_error", text, 500, Usage())


def answer(run: Run, call: Call, refuse: Refusals, state: State, settings: ServerSettings) -> Answer:
    kind = StreamedAnswer if call.stream else WholeAnswer
    return kind(run, call, refuse, state, settings)
