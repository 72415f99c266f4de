"""A run whose text is handed on at once is the same run, whatever is taken and when."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Any

from hypothesis import given, strategies as st

from tests.agent.scripted import Batches, Box, Scripted, calls, echo, says
from turnstream import Budget, events, protocols, requests
from turnstream.agent import Agent

STEPS: list[Any] = [
    [[events.ReasoningDelta("Hm"), events.TextDelta("a")], [events.TextDelta("b")], *calls(("echo", "{}"))],
    [
        [events.TextDelta("c")],
        [events.RefusalDelta("no")],
        [events.TextDelta("d"), events.UsageReport(events.Usage(1, 1))],
    ],
    says("end"),
]


class Relaying:
    """A stream that hands its batches on."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def __aiter__(self) -> Relaying:
        return self

    async def __anext__(self) -> list[events.ModelEvent]:
        return list(await self._batches.__anext__())

    async def relay(self, take: protocols.Take) -> list[events.ModelEvent]:
        while take(batch := await self.__anext__()):
            pass
        return batch


class Model(Scripted):
    def stream(self, request: requests.ModelRequest, context: requests.RunContext | None = None) -> Any:
        return Opened(super().stream(request))


class Opened:
    def __init__(self, opening: Any) -> None:
        self._opening = opening

    async def __aenter__(self) -> Relaying:
        return Relaying(await self._opening.__aenter__())

    async def __aexit__(self, *error: Any) -> None:
        await self._opening.__aexit__(*error)


async def seen(steps: list[Batches], takes: list[bool] | None, **options: Any) -> tuple[list[str], list[Any], int]:
    """The run's events as text, what it adds to the conversation, and how many batches were taken."""
    shown: list[Any] = []
    wants, taken = itertools.cycle(takes or [False]), 0

    def give(batch: list[events.RunEvent]) -> bool:
        nonlocal taken
        if not next(wants):
            return False
        taken += 1
        shown.extend(batch)
        return True

    agent = Agent(Model(*steps), [Box(echo=echo)], name="a", **options)
    async with agent.run("hi", run_id="run_1") as run:
        if takes is not None:
            run.relay(give)
        async for batch in run.batches():
            shown += batch
        return [re.sub(r"duration=[^,)]*", "", repr(event)) for event in shown], run.messages, taken


@given(
    steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=4),
    takes=st.lists(st.booleans(), min_size=1, max_size=4),
    longest=st.sampled_from([None, 1, 2, 3]),
)
def test_whoever_takes_at_once_sees_the_same_run(steps: list[Batches], takes: list[bool], longest: int | None) -> None:
    plain = asyncio.run(seen(steps, None, max_answer=longest, max_steps=3))
    assert asyncio.run(seen(steps, takes, max_answer=longest, max_steps=3))[:2] == plain[:2]


async def test_text_is_given_at_once() -> None:
    assert (await seen([[[events.TextDelta("a")], [events.TextDelta("b")], [events.Finish("stop")]]], [True]))[2] == 2


async def test_a_run_with_a_budget_gives_nothing_at_once() -> None:
    assert (await seen([says("hello")], [True], budget=Budget(tokens=9)))[2] == 0
