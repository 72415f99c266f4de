"""A stream that knows that its last batch was the last need not be asked for another, and the run is the same."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from hypothesis import given, strategies as st

from tests.agent.scripted import Batches, Box, calls, echo
from turnstream import events, requests
from turnstream.agent import Agent, Budget

CALL = [event for batch in calls(("echo", "{}")) for event in batch]
TEXTS: list[events.ModelEvent] = [events.TextDelta(f" {n}") for n in range(30)]
ENDED: list[events.ModelEvent] = [events.UsageReport(events.Usage(1, 2)), events.Finish("stop")]


class Stream:
    def __init__(self, batches: Batches, knows: bool) -> None:
        self._batches = [*batches]
        self._knows = knows
        self.ends = 0  # how often it had to say that there is no more

    @property
    def ended(self) -> bool:
        return self._knows and not self._batches

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> list[events.ModelEvent]:
        if not self._batches:
            self.ends += 1
            raise StopAsyncIteration
        return self._batches.pop(0)


class Model:
    name = "scripted"

    def __init__(self, *answers: Batches, knows: bool = True) -> None:
        self.streams = [Stream(answer, knows) for answer in answers]
        self._next = iter(self.streams)

    @asynccontextmanager
    async def stream(self, request: requests.ModelRequest) -> AsyncIterator[Stream]:
        yield next(self._next)


async def batches(model: Model, budget: Budget | None = None) -> list[list[events.RunEvent]]:
    async with Agent(model, [Box(echo=echo)], budget=budget).run("hi", run_id="run_1") as run:
        return [batch async for batch in run.batches()]


def told(batches: list[list[events.RunEvent]]) -> list[bytes]:
    """All of it, without what depends on the clock."""
    return [re.sub(rb'"duration":[^,}]+', b"", msgspec.json.encode(event)) for batch in batches for event in batch]


@given(st.lists(st.integers(0, len(TEXTS)), max_size=3), st.booleans())
async def test_the_run_is_the_same(cuts: list[int], ends_apart: bool) -> None:
    at = [0, *sorted(cuts), len(TEXTS)]
    said = [TEXTS[start:end] for start, end in itertools.pairwise(at) if end > start]
    answer = [*said, ENDED] if ends_apart else [*said[:-1], [*said[-1], *ENDED]]
    asked, knows = (Model([CALL], answer, knows=knows) for knows in (False, True))
    assert told(await batches(knows)) == told(await batches(asked))
    assert [stream.ends for stream in knows.streams] == [0, 0]
    assert [stream.ends for stream in asked.streams] == [1, 1]


async def test_a_few_last_words_are_told_with_the_end_of_their_step() -> None:
    *_, last = await batches(Model([[*TEXTS[:2], *ENDED]]))
    assert [type(event) for event in last] == [events.TextDelta] * 2 + [events.StepFinished, events.RunFinished]


async def test_where_a_budget_counts_the_answer_is_told_before_its_step_ends() -> None:
    *_, words, end = await batches(Model([[*TEXTS[:2], *ENDED]]), Budget(tokens=1000))
    assert words == TEXTS[:2]
    assert isinstance(end[0], events.StepFinished)
