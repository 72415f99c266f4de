"""Watching the log of a run: what is stored, then what comes, without a query for each watcher.

A feed has the last events of one run for all who watch it in this process. Its run's owner fills it, if that is this
process, or else a poll of the store. A watcher who comes late, or who was too slow for the feed, reads from the log
until it has caught up: whoever reads slowly costs a query more, and loses nothing. One who has caught up, and waits,
may be handed what comes without being woken (`Tail.relay`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from turnstream import errors, protocols
from turnstream.runs import log

if TYPE_CHECKING:
    from typing import Self

_MOST_RECENT = 1000
# A silent log is asked for this often, in seconds, whether its run still exists.
_SILENCE = 10.0


class LogState(NamedTuple):
    """``end`` is the seq of the last event that is stored, 0 if none is."""

    status: protocols.Status
    end: int

    @property
    def ended(self) -> bool:
        return self.status in log.ENDED


Read = Callable[[str, int], Awaitable[protocols.NumberedEvents]]
State = Callable[[str], Awaitable[LogState | None]]


class Feed:
    """The last events of one run, without a gap. ``position`` is how far any of its watchers has come: a poll needs to
    ask only for what is behind that."""

    __slots__ = ("_recent", "position", "watchers")

    def __init__(self) -> None:
        self.watchers: list[Tail] = []
        self.position = 0
        self._recent: protocols.NumberedEvents = []

    def publish(self, numbered: protocols.NumberedEvents) -> None:
        recent = self._recent
        last = recent[-1][0] if recent else 0
        if not numbered or numbered[0][0] != last + 1:  # what its owner appends follows what is here
            numbered = [each for each in numbered if each[0] > last]
            if not numbered:
                return
            if numbered[0][0] != last + 1:
                recent.clear()
        recent += numbered
        if len(recent) > 2 * _MOST_RECENT:
            del recent[:-_MOST_RECENT]
        if numbered[-1][0] > self.position:  # `reach`
            self.position = numbered[-1][0]
        for watcher in tuple(self.watchers):
            watcher.offer(numbered)

    @property
    def is_empty(self) -> bool:
        return not self._recent

    def reach(self, position: int) -> None:
        if position > self.position:
            self.position = position

    def behind(self, after: int) -> protocols.NumberedEvents | None:
        """Those behind ``after``; None if they are not all here."""
        if not self._recent or not self._recent[0][0] - 1 <= after <= self._recent[-1][0]:
            return None
        return self._recent[after + 1 - self._recent[0][0] :]


class Feeds:
    """The feeds of all runs that somebody watches in this process."""

    def __init__(self, read: Read, state: State) -> None:
        self._feeds: dict[str, Feed] = {}
        self._read = read
        self._state = state

    @property
    def watched(self) -> dict[str, Feed]:
        return self._feeds

    def publish(self, run_id: str, numbered: protocols.NumberedEvents) -> None:
        if (feed := self._feeds.get(run_id)) is not None:
            feed.publish(numbered)

    def tail(self, run_id: str, after: int) -> Tail:
        return Tail(self, run_id, after)

    def enter(self, run_id: str, watcher: Tail) -> Feed:
        feed = self._feeds.setdefault(run_id, Feed())
        feed.watchers.append(watcher)
        return feed

    def leave(self, run_id: str, watcher: Tail) -> None:
        feed = self._feeds[run_id]
        feed.watchers.remove(watcher)
        if not feed.watchers:
            del self._feeds[run_id]

    async def read(self, run_id: str, after: int) -> protocols.NumberedEvents:
        return await self._read(run_id, after)

    async def check(self, run_id: str, after: int) -> LogState:
        """Raises `LogExpiredError` and `LogResetError` where a tail from there would."""
        state = await self._state(run_id)
        if state is None or (state.ended and not state.end):
            raise errors.LogExpiredError("The events of this run are no longer stored.")
        if after > state.end:
            text = f"The log of this run ends at {state.end}, before the position {after}: the database lost commits."
            raise errors.LogResetError(text)
        return state


class Tail:
    """See `protocols.Tail`."""

    __slots__ = ("_after", "_batches", "_feeds", "_run_id", "_take", "_waiter")

    def __init__(self, feeds: Feeds, run_id: str, after: int) -> None:
        self._feeds, self._run_id, self._after = feeds, run_id, after
        self._take: protocols.TakeNumbered | None = None
        self._waiter: asyncio.Future[bool] | None = None
        self._batches = self._follow()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[protocols.NumberedEvents]:
        return self._batches.__anext__()

    async def aclose(self) -> None:
        await self._batches.aclose()

    def relay(self, take: protocols.TakeNumbered) -> None:
        self._take = take

    def offer(self, fresh: protocols.NumberedEvents) -> None:
        """What is new in the feed. Whoever does not wait for it finds it there."""
        if self._waiter is None or self._waiter.done():
            return
        if self._take is not None and fresh[0][0] == self._after + 1 and self._take(fresh):
            self._after = fresh[-1][0]
        else:
            self._waiter.set_result(True)

    async def _follow(self) -> AsyncGenerator[protocols.NumberedEvents]:
        feeds, run_id = self._feeds, self._run_id
        feed = feeds.enter(run_id, self)
        try:
            state = await feeds.check(run_id, self._after)
            feed.reach(min(self._after, state.end))
            while not (state.ended and self._after >= state.end):
                after = self._after
                batch = feed.behind(after)
                if batch is None and (after < state.end or not feed.is_empty):
                    batch = await feeds.read(run_id, after)
                    feed.reach(after)
                    feed.publish(batch)
                if batch:
                    self._after = batch[-1][0]
                    yield batch
                    if type(batch[-1][1]) in log.TERMINAL:
                        return
                elif not await self._wait() and self._after == after:
                    state = await feeds.check(run_id, after)
        finally:
            self._take = None
            feeds.leave(run_id, self)

    async def _wait(self) -> bool:
        """Until there is something that was not taken. False: not for long."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiter = waiter
        timer = loop.call_later(_SILENCE, _end_wait, waiter)
        try:
            return await waiter
        finally:
            self._waiter = None
            timer.cancel()


def _end_wait(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)
