"""Requests and tokens in a minute, and budgets of a day and of a thread."""

from __future__ import annotations

import math

import pytest

from turnstream import errors, limits, requests
from turnstream.runs import rates
from turnstream.runs.admission import DAY, Admission
from turnstream.storage.counters import MemoryCounters

ANN, BOB = requests.Principal("ann"), requests.Principal("bob")


def admission(**each: float) -> Admission:
    return Admission(MemoryCounters(), limits.ServerLimits(each=limits.Limits(**each)))  # type: ignore[arg-type]


async def test_requests_beyond_those_of_a_minute_are_refused_with_the_time_to_come_back() -> None:
    door = admission(requests_per_minute=2)
    first, second = [await door.admit(ANN, "helper", None) for _ in range(2)]
    assert [rate.remaining for rate in (*first.rates, *second.rates)] == [1, 0]
    with pytest.raises(errors.RateLimitError, match="Too many requests in a minute: 2 are allowed") as caught:
        await door.admit(ANN, "helper", None)
    assert 1 <= caught.value.retry_after <= 90
    assert [rate.remaining for rate in caught.value.rates] == [0]
    await door.admit(BOB, "helper", None)


async def test_all_principals_share_what_the_server_has() -> None:
    door = Admission(MemoryCounters(), limits.ServerLimits(requests_per_minute=2))
    await door.admit(ANN, "helper", None)
    await door.admit(BOB, "helper", None)
    with pytest.raises(errors.RateLimitError, match="for all clients together"):
        await door.admit(ANN, "helper", None)


async def test_a_refused_request_costs_nobody_a_place() -> None:
    server = limits.ServerLimits(requests_per_minute=3, each=limits.Limits(requests_per_minute=1))
    door = Admission(MemoryCounters(), server)
    await door.admit(ANN, "helper", None)
    for _ in range(5):
        with pytest.raises(errors.RateLimitError):
            await door.admit(ANN, "helper", None)
    await door.admit(BOB, "helper", None)


async def test_a_key_has_limits_of_its_own() -> None:
    door = admission(requests_per_minute=1)
    large = requests.Principal("large", limits=limits.Limits(requests_per_minute=5))
    for _ in range(5):
        await door.admit(large, "helper", None)
    with pytest.raises(errors.RateLimitError, match="5 are allowed"):
        await door.admit(large, "helper", None)


async def test_tokens_of_a_run_count_against_the_next_one() -> None:
    door = admission(tokens_per_minute=100)
    async with door:
        meter = (await door.admit(ANN, "helper", None)).meter
        assert meter is not None
        meter.count(150, 0.0, 0)
        assert meter.find_spent() is None  # a rate ends nothing that goes on
    with pytest.raises(errors.RateLimitError, match="Too many tokens in a minute"):
        await door.admit(ANN, "helper", None)


async def test_a_day_s_budget_ends_runs_and_refuses_the_next_until_midnight() -> None:
    now = 20_000 * DAY + DAY - 3600
    door = Admission(MemoryCounters(), limits.ServerLimits(each=limits.Limits(tokens_per_day=100)), lambda: now)
    meter, other = [(await door.admit(ANN, "helper", None)).meter for _ in range(2)]
    assert meter is not None
    assert other is not None
    meter.count(99, 0.0, 0)
    assert other.find_spent() is None
    meter.count(1, 0.0, 0)
    assert other.find_spent() == "the budget of 100 tokens a day is used up"
    with pytest.raises(errors.BudgetSpentError, match="it renews at 2024-10-05T00:00:00Z") as caught:
        await door.admit(ANN, "helper", None)
    assert caught.value.retry_after == 3600
    now += 3601
    await door.admit(ANN, "helper", None)


async def test_money_is_counted_in_parts_of_a_cent() -> None:
    door = admission(cost_per_day=0.01)
    meter = (await door.admit(ANN, "helper", None)).meter
    assert meter is not None
    for _ in range(9):
        meter.count(1, 0.001, 0)
    assert meter.find_spent() is None
    meter.count(1, 0.001, 0)
    assert meter.find_spent() == "the budget of 0.01 dollars a day is used up"


async def test_tool_calls_that_are_used_up_leave_answers_without_tools() -> None:
    door = admission(tool_calls_per_day=3)
    meter = (await door.admit(ANN, "helper", None)).meter
    assert meter is not None
    meter.count(0, 0.0, 2)
    assert meter.calls_left() == (1, "the budget of 3 tool calls a day is used up")
    meter.count(0, 0.0, 1)
    assert meter.find_spent() is None
    await door.admit(ANN, "helper", None)


async def test_a_thread_has_a_budget_for_its_life() -> None:
    door = Admission(MemoryCounters(), limits.ServerLimits(thread=limits.ThreadLimits(tokens=10)))
    meter = (await door.admit(ANN, "helper", "t1")).meter
    assert meter is not None
    meter.count(10, 0.0, 0)
    with pytest.raises(errors.BudgetSpentError, match="10 tokens for this thread is used up") as caught:
        await door.admit(ANN, "helper", "t1")
    assert not caught.value.renews
    for principal, agent, thread in ((BOB, "helper", "t1"), (ANN, "other", "t1"), (ANN, "helper", "t2")):
        await door.admit(principal, agent, thread)
    assert (await door.admit(ANN, "helper", None)).meter is None


async def test_processes_that_share_a_store_share_what_is_used() -> None:
    counters, server = MemoryCounters(), limits.ServerLimits(each=limits.Limits(tokens_per_day=10))
    async with Admission(counters, server) as here:
        meter = (await here.admit(ANN, "helper", None)).meter
        assert meter is not None
        meter.count(10, 0.0, 0)
    with pytest.raises(errors.BudgetSpentError):
        await Admission(counters, server).admit(ANN, "helper", None)


async def test_a_store_that_is_away_stops_nobody() -> None:
    class Away:
        async def add(self, amounts: object, lifetime: float) -> dict[str, int]:
            raise errors.StoreError("away")

        async def get(self, names: object) -> dict[str, int]:
            raise errors.StoreError("away")

    each = limits.Limits(requests_per_minute=1, tokens_per_day=1)
    door = Admission(Away(), limits.ServerLimits(each=each))
    for _ in range(3):
        assert (await door.admit(ANN, "helper", None)).meter is None


@pytest.mark.parametrize("before", [0, 30, 50, 1000])
@pytest.mark.parametrize("count", [10, 11, 1000])
@pytest.mark.parametrize("gone", [0.0, 20.0, 59.0])
def test_the_time_to_come_back_is_right(before: int, count: int, gone: float) -> None:
    """By the sliding window's own formula, a moment later there is room, and a moment sooner there is none."""
    limit = 10

    def used_in(seconds: float) -> float:
        at = gone + seconds
        return before * (60 - at) / 60 + count if at < 60 else count * max(0.0, 120 - at) / 60

    wait = rates._wait(limit, before, 60 - gone, count, 120 - gone)
    assert math.floor(used_in(wait + 0.001)) + 1 <= limit
    assert wait <= 0 or math.floor(used_in(wait - 1.0) + 0.001) + 1 > limit or used_in(wait - 1) > limit - 1
