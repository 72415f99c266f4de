"""A run as an HTTP response: whole, or as a stream. Whoever leaves, the client or the server, the run ends with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from turnstream import events, timers
from turnstream.dialects import base
from turnstream.runs import supervisor, watch
from turnstream.server import conversations, delivery, direct, questions, refusals, replies, scopes
from turnstream.service import ServerSettings

log = logging.getLogger(__name__)

STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}


# A run in the hands of its response, or a kept one that is only watched.
Followed: TypeAlias = supervisor.Handle | watch.Watch | questions.Told


class Client(NamedTuple):
    """Who gets the response."""

    scope: Scope
    receive: Receive
    outgoing: scopes.Outgoing
    refuse: refusals.Refusals
    settings: ServerSettings

    async def refuse_run(self, handle: Followed, exchange: base.Exchange, failure: events.RunFailed) -> None:
        """Nothing has been sent: the failure is an HTTP status."""
        headers = {"x-should-retry": "false"} if handle.acted or not failure.retryable else None
        error = refusals.as_error(failure)
        reply = exchange.refuse(error, scopes.request_id(self.scope))
        await self.refuse(self.scope, error, headers, reply=reply)(self.scope, self.receive, self.outgoing)


def deliver(
    handle: Followed, exchange: base.Exchange, client: Client, turn: conversations.Turn | None = None
) -> Awaitable[None]:
    """To be awaited: the response, to its end. With a ``turn`` the run is stored before its client hears of its end."""
    if exchange.stream:
        return Stream(handle, exchange, client, turn).run()
    return deliver_whole(handle, exchange, client, turn)


def leave_with(client: Client, handle: Followed) -> Callable[[], object]:
    """End the run when its client goes. What is returned takes that back."""
    forget = direct.tell_when_left(client.outgoing.send, handle.leave)
    if forget is not None:
        return forget
    return asyncio.create_task(_leave_with(client.receive, handle)).cancel


async def _leave_with(receive: Receive, handle: Followed) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    handle.leave()


async def collect(handle: Followed, client: Client) -> list[events.RunEvent]:
    """All events of the run, or those until it waits for somebody."""
    collected: list[events.RunEvent] = []
    forget = leave_with(client, handle)
    try:
        async with handle.follow() as batches:
            async for batch in batches:
                collected += batch
                if isinstance(batch[-1], events.RunWaiting):
                    break
    finally:
        forget()
    return collected


async def deliver_whole(
    handle: Followed, exchange: base.Exchange, client: Client, turn: conversations.Turn | None = None
) -> None:
    collected = await collect(handle, client)
    if handle.left:
        return
    end = handle.failure or base.ending(collected)
    if turn is not None and isinstance(handle, supervisor.Handle):
        turn.encoder = exchange.encoder(handle.agent)
        turn.encoder.feed(base.compact(collected))
        await turn.end(handle.request, handle.messages, handle.ending)
    if isinstance(end, events.RunFinished | events.RunWaiting):
        reply = exchange.reply(handle.agent, base.compact(collected))
        await replies.respond(client.scope, reply)(client.scope, client.receive, client.outgoing)
    else:
        await client.refuse_run(handle, exchange, delivery.as_failure(end))


class Stream:
    """Does what the `Delivery` says: one write for each batch of events.

    A timer says when it has been silent for long. It never interrupts: what it has to send goes out by a task of its
    own, which the next batch waits for, and while something is being sent it only looks whether the client still reads.
    """

    __slots__ = (
        *("_aside", "_client", "_delivery", "_encoder", "_exchange", "_handle", "_last", "_loop", "_sending"),
        *("_timer", "_turn", "_writer"),
    )

    def __init__(
        self,
        handle: Followed,
        exchange: base.Exchange,
        client: Client,
        turn: conversations.Turn | None = None,
    ) -> None:
        self._handle, self._exchange, self._client, self._turn = handle, exchange, client, turn
        self._encoder = exchange.encoder(handle.agent)
        if turn is not None:
            turn.encoder = self._encoder
        self._delivery = delivery.Delivery(self._encoder)
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._sending = False
        self._aside: asyncio.Task[None] | None = None
        self._writer: direct.Writer[list[events.RunEvent]] | None = None
        self._timer = timers.call_later(self._loop, client.settings.first_byte_hold, self._tick)

    async def open(self) -> None:
        """Begin with the response at once, whatever comes of the run."""
        await self._perform(self._delivery.tick())

    async def run(self) -> None:
        """Send all of it."""
        this, feed, is_open = self._delivery, self._encoder.feed, delivery.State.OPEN
        forget = leave_with(self._client, self._handle)
        try:
            try:
                async with self._handle.follow() as batches:
                    async for batch in batches:
                        if this.state is not is_open:
                            if (action := this.batch(batch)) is not None:
                                await self._begin_with(action, batch)
                            action = None  # a stream is long, and what it began with is sent
                        elif data := feed(batch):
                            if self._turn is not None:
                                await self._store(batch)
                            if self._aside is not None:
                                await asyncio.shield(self._aside)
                            # it is no text, which is relayed: more is to follow soon
                            if self._writer is None or not self._writer.write(data):
                                await self._send(data)
                action = self._end()
            except Exception:  # a fault of ours: the client gets an error, and not a stream that just stops
                log.exception("run %s failed", self._handle.id)
                action = this.fail(delivery.as_failure(None))
            await self._perform(action)
        finally:
            forget()
            self._timer.cancel()
            self._writer = None  # which knows this object

    async def _begin_with(self, action: delivery.Action, batch: list[events.RunEvent]) -> None:
        if self._turn is not None:
            await self._store(batch)
        await self._perform(action)
        if self._writer is not None:
            self._handle.relay(self._writer.give)

    def _end(self) -> delivery.Action | None:
        """What remains to be done when all events have come."""
        if self._handle.left:
            return None
        failure = self._handle.failure
        return self._delivery.end() if failure is None else self._delivery.fail(failure)

    async def _store(self, batch: Sequence[events.RunEvent]) -> None:
        """A run that has ended: its client may name it as soon as it hears of its end."""
        ending, handle = base.outcome(batch), self._handle
        if self._turn is not None and ending is not None and isinstance(handle, supervisor.Handle):
            await self._turn.end(handle.request, handle.messages, ending)

    # ------------------------------------------------------------------------------------------------------- sending

    async def _perform(self, action: delivery.Action | None, aside: bool = False) -> None:
        """``aside``: by the task that all others wait for."""
        if action is None:
            return
        if self._aside is not None and not aside:
            await asyncio.shield(self._aside)
        match action:
            case delivery.Write(data=data, first=first, last=last):
                if first:
                    await self._begin()
                if self._writer is None or not self._writer.write(data, last):
                    await self._send(data, last)
            case delivery.Refuse(failure=failure):
                await self._client.refuse_run(self._handle, self._exchange, failure)
            case delivery.Abort():
                pass  # a response without an end is cut off by the server

    async def _begin(self) -> None:
        client = self._client
        if client.settings.heartbeat < client.settings.first_byte_hold:
            self._timer.set_later(client.settings.heartbeat)  # else the clock looks in time by itself
        headers = {**scopes.ids(client.scope), **STREAM_HEADERS, **self._exchange.headers}
        if not client.outgoing.begin(headers):
            self._sending = True
            await client.outgoing.send_head(headers)
            self._sending = False
        self._writer = direct.writer(client.outgoing.send, self._encoder.feed, self._break_off)

    async def _send(self, data: bytes, last: bool = False) -> None:
        """Some of the body, by who waits for a slow client."""
        self._sending = True
        await self._client.outgoing.send({"type": "http.response.body", "body": data, "more_body": not last})
        self._sending = False
        self._last = self._loop.time()

    # --------------------------------------------------------------------------------------------------------- clock

    def _tick(self) -> None:
        """The start of a stream that is still held, a heartbeat, or the end of a client that does not read."""
        heartbeat, last = self._client.settings.heartbeat, self._last
        if self._writer is not None:
            last = max(last, self._writer.last)
        silent = self._loop.time() - last
        if self._sending:
            if silent > self._client.settings.send_timeout:
                log.info("run %s: aborted, client stopped reading for %.0f s", self._handle.id, silent)
                self._handle.leave()
        elif self._delivery.state is delivery.State.HELD or silent >= heartbeat:
            self._send_aside()
        else:
            heartbeat -= silent
        self._timer.set_later(heartbeat)

    def _send_aside(self) -> None:
        """Send while the run is silent."""
        try:
            action = self._delivery.tick()
        except Exception:
            self._break_off()
            return
        if isinstance(action, delivery.Write):
            self._aside = self._loop.create_task(self._write_aside(action))
            if self._writer is not None:
                self._writer.waits = True

    def _break_off(self) -> None:
        """The encoder failed outside of `_follow`, which is told."""
        log.exception("run %s failed", self._handle.id)
        self._handle.end(delivery.as_failure(None))

    async def _write_aside(self, action: delivery.Write) -> None:
        try:
            await self._perform(action, aside=True)
        except OSError:  # the client is gone; its leaving is told
            pass
        finally:
            self._aside = None
            if self._writer is not None:
                self._writer.waits = False


class Again(Response):
    """The stream of a kept run for somebody who comes back to it. It begins at once: how the run ended, if it has, is
    an event of the stream and not the status of this response."""

    background = None

    def __init__(
        self, watching: watch.Watch, exchange: base.Exchange, settings: ServerSettings, refuse: refusals.Refusals
    ) -> None:
        self._watching, self._exchange = watching, exchange
        self._settings, self._refuse = settings, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = Client(scope, receive, scopes.outgoing(scope), self._refuse, self._settings)
        stream = Stream(self._watching, self._exchange, client)
        await stream.open()
        await stream.run()
