"""Watching the log of a run: what is stored, then what comes, without a query for each watcher.

A feed has the last events of one run for all who watch it in this process. Its run's owner fills it, if that is this
process, or else a poll of the store. A watcher who comes late, or who was too slow for the feed, reads from the log
until it has caught up: whoever reads slowly costs a query more, and loses nothing. One who has caught up, and waits,
may be handed what comes without being woken (`Tail.relay`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from turnstream import errors, events, protocols
from turnstream.runs import log

if TYPE_CHECKING:
    from typing import Self

_RECENT, _MOST_RECENT = 1000, 2000  # what of them is kept when there are more than the most
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

    __slots__ = ("_end", "_position", "_recent", "watchers")

    def __init__(self) -> None:
        self.watchers: list[Tail] = []
        self._position = 0
        self._recent: list[events.LogEvent] = []
        self._end = 0  # the seq of the last of them

    def publish(self, seq: int, batch: Sequence[events.LogEvent], texts: bool) -> None:
        """The events from ``seq`` on are stored. ``texts``: they are nothing but text."""
        recent = self._recent
        if seq != self._end + 1:  # what its owner appends follows what is here
            known = self._end + 1 - seq
            if known >= len(batch):
                return
            if known > 0:
                seq, batch = seq + known, batch[known:]
            else:
                recent.clear()
        recent += batch
        self._end = seq + len(batch) - 1
        if len(recent) > _MOST_RECENT:
            del recent[:-_RECENT]
        for watcher in self.watchers:
            watcher.offer(seq, batch, texts)

    @property
    def is_empty(self) -> bool:
        return not self._recent

    @property
    def position(self) -> int:
        return max(self._position, self._end)

    def reach(self, position: int) -> None:
        self._position = max(self._position, position)

    def behind(self, after: int) -> protocols.NumberedEvents | None:
        """Those behind ``after``; None if they are not all here."""
        recent = self._recent
        if not recent or not self._end - len(recent) <= after <= self._end:
            return None
        return list(enumerate(recent[after - self._end + len(recent) :], after + 1))


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
        if numbered and (feed := self._feeds.get(run_id)) is not None:
            batch = [event for _, event in numbered]
            feed.publish(numbered[0][0], batch, log.are_texts(batch))

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
        self._take: protocols.TakeStored | None = None
        self._waiter: asyncio.Future[bool] | None = None
        self._batches = self._follow()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[protocols.NumberedEvents]:
        return self._batches.__anext__()

    async def aclose(self) -> None:
        await self._batches.aclose()

    def relay(self, take: protocols.TakeStored) -> None:
        self._take = take

    def offer(self, seq: int, batch: Sequence[events.LogEvent], texts: bool) -> None:
        """What is new in the feed. Whoever does not wait for it finds it there."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if texts and (take := self._take) is not None and seq == self._after + 1 and take(seq, batch):
            self._after = seq + len(batch) - 1
        else:
            waiter.set_result(True)

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
                    feeds.publish(run_id, batch)
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
