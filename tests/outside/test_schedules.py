"""Runs that start by the clock: at which times, how often, by how many."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests import postgres
from tests.agent.scripted import Scripted, says
from tests.stores import Place
from turnstream import Agent, errors, messages, protocols, requests
from turnstream.outside.schedules import Schedule, Scheduler
from turnstream.runs import stores
from turnstream.runs.keeper import Keeper

BERLIN = ZoneInfo("Europe/Berlin")
HELLO = (messages.UserMessage("hello"),)
ANN = requests.Principal("ann")
_ids = itertools.count()


def schedule(cron: str, **fields: Any) -> Schedule:
    return Schedule("morning", cron, "helper", HELLO, fields.pop("zone", BERLIN), ANN, **fields)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(cron: str, start: str, count: int) -> list[str]:
    found = itertools.islice(schedule(cron).after(utc(start)), count)
    return [moment.astimezone(UTC).strftime("%m-%d %H:%M") for moment in found]


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    async def __call__(self) -> float:
        return self.now.timestamp()


class Replica:
    def __init__(self, store: stores.Store, keeper: Keeper, scheduler: Scheduler) -> None:
        self.store, self.keeper, self.scheduler = store, keeper, scheduler

    @property
    def runs(self) -> protocols.Runs:
        assert self.store.runs is not None
        return self.store.runs

    async def states(self) -> list[protocols.RunState]:
        return await self.runs.recent("ann", limit=100)


def setting(place: Place) -> str:
    return f"sqlite:{place.url}" if place.kind == "sqlite" else place.url


@asynccontextmanager
async def replica(store: str, planned: Schedule, clock: Clock, model: Any = None) -> AsyncIterator[Replica]:
    """Without the task that looks at the clock: a test does that itself."""
    agents = {"helper": Agent(model or Scripted(*[says("ok")] * 400), name="helper")}
    async with stores.make(store) as opened:
        assert opened.runs is not None
        assert opened.firings is not None
        async with Keeper(opened.runs, opened.threads, agents) as keeper:
            yield Replica(
                opened,
                keeper,
                Scheduler(
                    {planned.name: planned},
                    agents=agents,
                    firings=opened.firings,
                    runs=opened.runs,
                    start=keeper.start,
                    new_id=lambda: f"run_s{next(_ids)}",
                    clock=clock,
                ),
            )


async def settled(replica: Replica) -> None:
    """Until each run has ended."""
    async with asyncio.timeout(30):
        while any(state.status in ("queued", "running") for state in await replica.states()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# ------------------------------------------------------------------------------------------------------------ times


def test_a_time_that_the_clock_jumps_over_is_at_the_jump() -> None:
    assert times("30 2 * * *", "2026-03-28T12:00", 2) == ["03-29 01:00", "03-30 00:30"]


def test_a_time_that_the_clock_shows_twice_is_the_first_of_them() -> None:
    assert times("30 2 * * *", "2026-10-24T12:00", 2) == ["10-25 00:30", "10-26 01:30"]


def test_every_hour_is_every_hour_that_passes() -> None:
    assert times("0 * * * *", "2026-10-24T23:30", 3) == ["10-25 00:00", "10-25 01:00", "10-25 02:00"]
    assert times("0 * * * *", "2026-03-28T23:30", 3) == ["03-29 00:00", "03-29 01:00", "03-29 02:00"]


@pytest.mark.parametrize("start", ["2026-03-28T20:00", "2026-10-24T20:00"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "0 * * * *", "*/15 2 * * *", "0 3 * * SUN"])
def test_however_often_one_looks_the_same_times_are_due(cron: str, start: str) -> None:
    found, end = schedule(cron), utc(start) + timedelta(hours=16)
    whole = [moment.astimezone(UTC) for moment in itertools.takewhile(lambda at: at <= end, found.after(utc(start)))]
    for minutes in (1, 5, 15):
        looks = [utc(start) + timedelta(minutes=minute) for minute in range(0, 16 * 60 + 1, minutes)]
        due = [found.due(since, now) for since, now in itertools.pairwise(looks)]
        assert [moment.astimezone(UTC) for moment in due if moment is not None] == whole


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "* * * *", "61 * * * *", "0 0 0 * * *", "@daily", "0 0 31 11 *"])
def test_a_cron_that_never_fires_is_refused(cron: str) -> None:
    with pytest.raises(errors.ConfigurationError):
        schedule(cron)


# ---------------------------------------------------------------------------------------------------------- firings


async def test_a_run_starts_when_its_time_has_come_and_not_before(place: Place) -> None:
    clock = Clock(utc("2026-11-30T05:59:30"))
    async with replica(setting(place), schedule("0 7 * * *"), clock) as one:
        assert await one.scheduler.look() == 30
        assert await one.states() == []
        clock.now = utc("2026-11-30T06:00:00")
        await one.scheduler.look()
        await one.scheduler.look()
        await settled(one)
        assert [(state.principal, state.agent, state.status) for state in await one.states()] == [
            ("ann", "helper", "finished")
        ]


@pytest.mark.parametrize("start", ["2026-03-28T20:00", "2026-10-24T20:00"])
@pytest.mark.parametrize(("cron", "fired"), [("0 * * * *", 10), ("30 2 * * *", 1)])
async def test_two_replicas_fire_one_schedule_once_over_a_change_of_the_clock(
    postgres_url: str, start: str, cron: str, fired: int
) -> None:
    url = await postgres.new_database(postgres_url)
    clock, found = Clock(utc(start)), schedule(cron)
    async with replica(url, found, clock) as one, replica(url, found, clock) as two:
        for _ in range(21):
            await asyncio.gather(one.scheduler.look(), two.scheduler.look())
            await settled(one)
            clock.now += timedelta(minutes=30)
        assert len(await one.states()) == fired


async def test_a_firing_that_overlaps_the_last_is_skipped(place: Place) -> None:
    gate = asyncio.Event()
    model = Scripted([gate, *says("slow")], says("third"))
    clock = Clock(utc("2026-11-30T05:59"))
    async with replica(setting(place), schedule("0 * * * *"), clock, model) as one:
        for hour in ("05:59", "06:00", "07:00", "08:00"):
            clock.now = utc(f"2026-11-30T{hour}")
            await one.scheduler.look()
        assert len(await one.states()) == 1
        gate.set()
        await settled(one)
        clock.now = utc("2026-11-30T09:00")
        await one.scheduler.look()
        await settled(one)
        assert len(await one.states()) == 2


@pytest.mark.parametrize(("down", "runs"), [(timedelta(hours=3, minutes=5), 1), (timedelta(hours=3, minutes=15), 0)])
async def test_what_was_missed_while_down_runs_once_if_it_is_young_enough(
    place: Place, down: timedelta, runs: int
) -> None:
    clock, found = Clock(utc("2026-11-30T05:00")), schedule("0 * * * *", grace=600)
    async with replica(setting(place), found, clock) as one:
        await one.scheduler.look()
    clock.now += down
    async with replica(setting(place), found, clock) as one:
        await one.scheduler.look()
        await one.scheduler.look()
        await settled(one)
        assert len(await one.states()) == runs


async def test_a_schedule_that_is_new_begins_with_its_next_time(place: Place) -> None:
    clock = Clock(utc("2026-11-30T06:01"))
    async with replica(setting(place), schedule("0 7 * * *"), clock) as one:
        await one.scheduler.look()
    async with replica(setting(place), schedule("30 6 * * *"), clock) as one:  # the same name, other times
        await one.scheduler.look()
        assert await one.states() == []


async def test_who_died_between_the_run_and_its_record_has_started_it_nevertheless(place: Place) -> None:
    clock, found = Clock(utc("2026-11-30T05:59")), schedule("0 7 * * *")
    async with replica(setting(place), found, clock) as one:
        await one.scheduler.look()
        clock.now = utc("2026-11-30T06:00")
        await one.keeper.start(found.run("run_first", clock.now))
        await one.scheduler.look()
        await settled(one)
        assert [state.id for state in await one.states()] == ["run_first"]


async def test_runs_of_a_thread_go_on_with_it(place: Place) -> None:
    model = Scripted(says("one"), says("two"))
    clock = Clock(utc("2026-11-30T05:59"))
    async with replica(setting(place), schedule("0 * * * *", thread="news"), clock, model) as one:
        for hour in ("05:59", "06:00", "07:00"):
            clock.now = utc(f"2026-11-30T{hour}")
            await one.scheduler.look()
            await settled(one)
        assert [type(message).__name__ for message in model.requests[1].messages] == [
            "UserMessage",
            "AssistantMessage",
            "UserMessage",
        ]


async def test_the_task_looks_until_it_is_stopped(place: Place) -> None:
    clock = Clock(utc("2026-11-30T05:59:59.990"))
    async with replica(setting(place), schedule("0 7 * * *"), clock) as one:
        assert await one.scheduler.look() == pytest.approx(0.01)
        clock.now = utc("2026-11-30T06:00")
        async with one.scheduler:
            async with asyncio.timeout(30):
                while not await one.states():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await one.scheduler.stop()
            assert one.scheduler._task is not None
            assert one.scheduler._task.done()
