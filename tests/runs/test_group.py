"""Coalesce, number, store, show: what is shown live is what a replay gives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tests.stores import finished, new_run, soon, started, step
from turnstream import events, messages, protocols
from turnstream.runs import group

TEXTS = st.sampled_from([events.TextDelta("a"), events.TextDelta("b"), events.ReasoningDelta("c"), step(1, "d")])


class Log:
    """A claim whose appends wait for ``gate``."""

    def __init__(self) -> None:
        self.new, self.attempt, self.begun = new_run(), 1, False
        self.lost, self.cancelled, self.gate = protocols.Notice(), protocols.Notice(), asyncio.Event()
        self.gate.set()
        self.appends: list[list[events.LogEvent]] = []
        self.said: Sequence[messages.Message] = ()
        self.failure: Exception | None = None

    async def log(self) -> protocols.NumberedEvents:
        return list(enumerate((event for batch in self.appends for event in batch), 1))

    async def append(self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message] = ()) -> int:
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.appends.append(list(batch))
        self.said = said
        return sum(map(len, self.appends))

    def begin_append(
        self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message], tell: protocols.TellStored
    ) -> None:
        self.appending = asyncio.ensure_future(self.append(batch, said))
        self.appending.add_done_callback(lambda appended: tell(appended.exception()))

    async def release(self) -> None: ...

    async def give_back(self) -> None: ...


@given(st.lists(TEXTS, max_size=20))
def test_neighbouring_texts_of_one_kind_become_one_event(batch: list[events.LogEvent]) -> None:
    joined = group.coalesce(batch)
    assert group.coalesce(joined) == joined
    assert text_of(joined) == text_of(batch)
    assert all(type(one) is not type(other) or isinstance(one, events.StepFinished) for one, other in pairwise(joined))


def text_of(batch: list[events.LogEvent]) -> list[tuple[type, str]]:
    """Character by character, each with the type of its event."""
    return [(type(event), each) for event in batch for each in getattr(event, "text", "d")]


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=4), max_size=8))
async def test_however_events_come_the_log_has_all_of_them_in_order(batches: list[list[events.LogEvent]]) -> None:
    claim = Log()
    async with group.Group(claim) as pending:
        for batch in batches:
            await pending.put(batch)
        await pending.put([finished()])
    stored = [event for _, event in await claim.log()]
    assert text_of(stored) == text_of([*(event for batch in batches for event in batch), finished()])


def test_arguments_of_two_calls_are_not_mixed() -> None:
    pieces = [events.ToolCallArguments(id, piece) for id, piece in (("a", "{"), ("a", "}"), ("b", "{}"))]
    assert group.coalesce(pieces) == [events.ToolCallArguments("a", "{}"), events.ToolCallArguments("b", "{}")]


async def test_what_comes_while_an_append_is_under_way_goes_into_the_next_one() -> None:
    claim = Log()
    claim.gate.clear()
    async with group.Group(claim) as pending:
        first = asyncio.create_task(pending.put([started(claim.new)]))
        await asyncio.sleep(0)
        for text in "abc":
            await pending.put([events.TextDelta(text)])
        claim.gate.set()
        await soon(first)
        await soon(pending.flush())
    assert [event for batch in claim.appends for event in batch][-1] == events.TextDelta("abc")


async def test_what_a_run_relies_on_is_stored_before_it_goes_on() -> None:
    claim = Log()
    async with group.Group(claim) as pending:
        await pending.put([events.TextDelta("a")])
        await pending.put([step(1, "a")])
        assert claim.appends == [[events.TextDelta("a"), step(1, "a")]]


async def test_the_messages_come_with_the_terminal_event() -> None:
    claim = Log()
    async with group.Group(claim) as pending:
        await pending.put([step(1, "a"), finished()], [step(1, "a").message])
    assert claim.said == [step(1, "a").message]


async def test_a_fenced_owner_hears_of_it_at_the_next_event() -> None:
    claim = Log()
    claim.failure = protocols.FencedError()
    async with group.Group(claim) as pending:
        with pytest.raises(protocols.FencedError):
            await pending.put([step(1, "a")])
        with pytest.raises(protocols.FencedError):
            await pending.put([events.TextDelta("b")])


async def test_an_agent_stops_while_its_events_cannot_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "MOST_PENDING", 3)
    claim = Log()
    claim.gate.clear()
    async with group.Group(claim) as pending:
        await pending.put([events.TextDelta("a")] * 2)
        stopped = asyncio.create_task(pending.put([events.TextDelta("a")]))
        await asyncio.wait([stopped], timeout=0.1)
        assert not stopped.done()
        claim.gate.set()
        await soon(stopped)


def test_the_more_runs_the_fewer_appends_of_each() -> None:
    assert [group.interval(runs) for runs in (1, 100, 1000)] == [0.0002, 0.02, 0.2]
