"""A run that has used up its budget ends as incomplete, with what it has."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, strategies as st

from tests.agent.scripted import Box, Scripted, calls, echo, says
from turnstream import events, messages, usage
from turnstream.agent import Agent, Budget, Run, budget
from turnstream.testing import models

TOKENS = "the run's budget of {} tokens is used up"


async def run(budget: Budget, *steps: models.Step) -> tuple[list[events.RunEvent], Run]:
    async with asyncio.timeout(10), Agent(Scripted(*steps), [Box(echo=echo)], budget=budget).run("hi") as running:
        return [event async for event in running], running


def results(run: Run) -> list[str]:
    return [messages.content_text(each.content) for each in run.messages if isinstance(each, messages.ToolMessage)]


async def test_calls_that_come_when_the_tokens_are_used_up_are_not_made_and_the_run_ends() -> None:
    _, running = await run(Budget(tokens=30), calls(("echo", "{}"), text="Let me look."))
    assert running.outcome == events.RunFinished("length", usage.Usage(20, 10), 2)
    first, second = results(running)
    assert first == "{}"
    assert TOKENS.format(30) in second


async def test_an_answer_that_is_complete_is_not_incomplete_for_its_cost() -> None:
    _, running = await run(Budget(tokens=1), says("Hello"))
    assert running.outcome == events.RunFinished("stop", usage.Usage(10, 5), 1)


async def test_an_answer_is_cut_off_when_its_own_report_says_so() -> None:
    report = events.UsageReport(usage.Usage(50, 1))
    seen, running = await run(Budget(tokens=40), [[events.TextDelta("One"), report], asyncio.Event()])
    assert events.TextDelta("One") in seen
    assert running.outcome == events.RunFinished("length", usage.Usage(50, 1), 1)


async def test_money_is_counted_where_the_price_is_known() -> None:
    def costly(cost: float | None) -> models.Step:
        call = models.call("echo")
        return [call, events.UsageReport(usage.Usage(10, 5, cost=cost)), events.Finish("tool_calls")]

    _, running = await run(Budget(cost=0.5), costly(0.2), costly(0.3), says("Never asked"))
    assert running.outcome == events.RunFinished("length", usage.Usage(20, 10, cost=0.5), 2)
    _, running = await run(Budget(cost=0.5), costly(None), costly(0.9), says("Hello"))
    assert isinstance(running.outcome, events.RunFinished)
    assert running.outcome.reason == "stop"


async def test_tool_calls_up_to_the_budget_are_made_and_the_first_beyond_ends_the_run() -> None:
    one, two = calls(("echo", "{}")), calls(("echo", "{}"), ("echo", "{}"))
    _, running = await run(Budget(tool_calls=2), one, one, says("Hello"))
    assert isinstance(running.outcome, events.RunFinished)
    assert running.outcome.reason == "stop"
    _, running = await run(Budget(tool_calls=2), one, two, says("Never asked"))
    assert isinstance(running.outcome, events.RunFinished)
    assert running.outcome.reason == "length"
    assert [text == "{}" for text in results(running)] == [True, True, False]


async def test_the_time_of_a_run_ends_an_answer_that_goes_on() -> None:
    now = [events.TextDelta("x")]
    _, running = await run(Budget(seconds=1e-9), [now, asyncio.Event()])
    assert isinstance(running.outcome, events.RunFinished)
    assert running.outcome.reason == "length"


@pytest.mark.parametrize(("now", "spent"), [(109.9, False), (110.0, True)])
def test_time_counts_from_the_start(now: float, spent: bool) -> None:
    assert budget.Spending(Budget(seconds=10), 100).check(usage.Usage(), now) is spent


@given(st.integers(0, 20), st.lists(st.integers(1, 9), max_size=9))
def test_no_more_calls_are_made_than_the_budget_has(most: int, wanted: list[int]) -> None:
    spending, made = budget.Spending(Budget(tool_calls=most), 0), 0
    for count in wanted:
        left, _ = spending.limit_calls(made, count) or (count, "")
        made += min(left, count)
    assert made == min(most, sum(wanted))
    assert (spending.spent is not None) is (sum(wanted) > most)
