"""Watching the log of a run: what is stored, then what comes, without a query for each watcher.

A feed has the last events of one run for all who watch it in this process. Its run's owner fills it, if that is this
process, or else a poll of the store. A watcher who comes late, or who was too slow for the feed, reads from the log
until it has caught up: whoever reads slowly costs a query more, and loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import NamedTuple

from turnstream import errors, protocols
from turnstream.runs import log

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

    def __init__(self) -> None:
        self.watchers = 0
        self.position = 0
        self.changed = asyncio.Event()
        self._recent: protocols.NumberedEvents = []

    def publish(self, numbered: protocols.NumberedEvents) -> None:
        last = self._recent[-1][0] if self._recent else 0
        fresh = [(seq, event) for seq, event in numbered if seq > last]
        if not fresh:
            return
        if fresh[0][0] != last + 1:
            self._recent = []
        self._recent += fresh
        if len(self._recent) > 2 * _MOST_RECENT:
            del self._recent[:-_MOST_RECENT]
        self.reached(fresh[-1][0])
        self.changed.set()
        self.changed = asyncio.Event()

    def reached(self, position: int) -> None:
        self.position = max(self.position, position)

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

    async def tail(self, run_id: str, after: int) -> AsyncGenerator[protocols.NumberedEvents]:
        feed = self._feeds.setdefault(run_id, Feed())
        feed.watchers += 1
        try:
            state = await self.check(run_id, after)
            while not (state.ended and after >= state.end):
                changed = feed.changed
                batch = feed.behind(after)
                if batch is None:
                    batch = await self._read(run_id, after)
                    feed.reached(after)
                    feed.publish(batch)
                if batch:
                    after = batch[-1][0]
                    yield batch
                    if isinstance(batch[-1][1], log.Terminal):
                        return
                elif not await _set_within(changed, _SILENCE):
                    state = await self.check(run_id, after)
        finally:
            feed.watchers -= 1
            if not feed.watchers:
                self._feeds.pop(run_id, None)

    async def check(self, run_id: str, after: int) -> LogState:
        """Raises `LogExpiredError` and `LogResetError` where a tail from there would."""
        state = await self._state(run_id)
        if state is None or (state.ended and not state.end):
            raise errors.LogExpiredError("The events of this run are no longer stored.")
        if after > state.end:
            text = f"The log of this run ends at {state.end}, before the position {after}: the database lost commits."
            raise errors.LogResetError(text)
        return state


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
