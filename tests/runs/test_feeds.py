"""A log is watched by whoever is woken for each batch, and by a relay that is not: both see the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from hypothesis import given, strategies as st

from tests.stores import finished, soon, step
from turnstream import events, protocols
from turnstream.runs import feeds, log, watch

EVENTS = st.sampled_from([events.TextDelta("a"), events.ReasoningDelta("b"), step(1, "c"), events.StepStarted(1)])
# Of each append: its events, whether the relay takes it, and whether the watcher has time to wait for the next.
APPENDS = st.lists(st.tuples(st.lists(EVENTS, min_size=1, max_size=3), st.booleans(), st.booleans()), max_size=12)


class Runs:
    """A log that grows, and its feed."""

    def __init__(self) -> None:
        self.stored: protocols.NumberedEvents = []
        self.feeds = feeds.Feeds(self.read, self.state)

    async def read(self, run_id: str, after: int) -> protocols.NumberedEvents:
        return self.stored[after:]

    async def state(self, run_id: str) -> feeds.LogState:
        ended = bool(self.stored) and isinstance(self.stored[-1][1], log.Terminal)
        return feeds.LogState("finished" if ended else "running", len(self.stored))

    def tail(self, run_id: str, after: int = 0) -> feeds.Tail:
        return self.feeds.tail(run_id, after)

    def append(self, batch: list[events.LogEvent]) -> None:
        numbered = list(enumerate(batch, len(self.stored) + 1))
        self.stored += numbered
        self.feeds.publish("run", numbered)


@given(APPENDS)
async def test_what_a_relay_takes_and_what_comes_in_batches_is_the_log_in_order(
    appends: list[tuple[list[events.LogEvent], bool, bool]],
) -> None:
    runs, seen, willing = Runs(), [], [True]

    def take(batch: list[events.RunEvent]) -> bool:
        if willing[-1]:
            seen.extend(batch)
        return willing[-1]

    watching = watch.Watch(runs, "run", "agent")  # type: ignore[arg-type]  # all that it asks of its store
    watching.relay(take)

    async def read() -> None:
        async with watching.follow() as batches:
            async for batch in batches:
                seen.extend(batch)

    reading = asyncio.create_task(read())
    for batch, takes, waits in appends:
        willing.append(takes)
        runs.append(batch)
        for _ in range(5 * waits):
            await asyncio.sleep(0)
    runs.append([finished()])
    await soon(reading)
    assert seen == [event for _, event in runs.stored]


async def test_nobody_is_woken_for_what_a_relay_takes() -> None:
    runs, taken = Runs(), list[protocols.NumberedEvents]()
    runs.append([events.StepStarted(1)])

    def take(seq: int, batch: Sequence[events.LogEvent]) -> bool:
        taken.append(list(enumerate(batch, seq)))
        return True

    async with aclosing(runs.tail("run")) as tail:
        tail.relay(take)
        await anext(tail)
        waiting = asyncio.ensure_future(anext(tail))
        await asyncio.sleep(0)
        runs.append([events.TextDelta("a")])
        await asyncio.sleep(0)
        assert (taken, waiting.done()) == ([[(2, events.TextDelta("a"))]], False)
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_a_feed_that_nobody_watches_is_gone() -> None:
    runs = Runs()
    async with aclosing(runs.tail("run")) as tail:
        runs.append([finished()])
        assert [batch async for batch in tail] == [runs.stored]
    assert not runs.feeds.watched
