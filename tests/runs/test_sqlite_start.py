"""A run that its process begins at once is accepted, claimed and begun in one transaction of a SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.stores import Place, finish, new_run, next_claim, started, whole
from turnstream import errors, events, protocols
from turnstream.runs import rules


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place("sqlite", str(tmp_path / "store.db"))


async def statements(store: object, job: object) -> list[str]:
    """What the database is told meanwhile."""
    told: list[str] = []
    await store.runs.database.call(lambda db: db.set_trace_callback(told.append))  # type: ignore[attr-defined]
    await job  # type: ignore[misc]
    await store.runs.database.call(lambda db: db.set_trace_callback(None))  # type: ignore[attr-defined]
    return told


async def test_it_is_one_transaction_and_whoever_watches_it_asks_for_none(place: Place) -> None:
    async with place.open() as store:

        async def begin() -> None:
            claim = await store.runs.submit(new := new_run(), here=True, start=started(new))
            await rules.begin(claim, started(new))
            assert await anext(store.runs.tail(new.id)) == [(1, started(new))]

        told = await statements(store, begin())
    assert told.count("commit") == 2  # one is that of whoever began to listen


async def test_its_log_begins_with_its_start_and_goes_on_behind_it(place: Place) -> None:
    async with place.open() as store:
        claim = await store.runs.submit(new := new_run(), here=True, start=started(new))
        assert (await store.runs.get("ann", new.id)).status == "running"
        assert await rules.begin(claim, started(new)) is not None
        await finish(claim, events.TextDelta("a"))
        assert [type(event) for _, event in await whole(store, new.id)] == [
            events.RunStarted,
            events.TextDelta,
            events.RunFinished,
        ]


async def test_the_next_process_goes_on_with_it_as_with_any(place: Place) -> None:
    async with place.open() as store:
        await store.runs.submit(new := new_run(), here=True, start=started(new))
    async with place.open() as store:
        claim = await next_claim(store, new.id)
        assert (claim.attempt, claim.begun) == (2, False)
        await rules.begin(claim, started(new))
        assert [type(event) for _, event in await claim.log()] == [events.RunStarted, events.RunResumed]


async def test_it_is_cancelled_from_its_first_moment_on(place: Place) -> None:
    async with place.open() as store:
        submitting = asyncio.ensure_future(store.runs.submit(new := new_run(), here=True, start=started(new)))
        await asyncio.sleep(0)
        assert await store.runs.cancel("ann", new.id)
        assert (await submitting).cancelled.is_set()


async def test_a_run_that_is_not_accepted_takes_no_place(place: Place) -> None:
    async with place.open(slots=2, open=1) as store:
        first = await store.runs.submit(new_run(key="k"), here=True)
        assert await store.runs.submit(new_run(key="k"), here=True) == protocols.Submitted(first.new.id, created=False)
        with pytest.raises(errors.QueueFullError):
            await store.runs.submit(new_run(), here=True)
        await finish(first)
        assert (await store.runs.submit(new_run(), here=True)).attempt == 1


async def test_what_is_counted_when_it_is_accepted_is_in_an_index(place: Place) -> None:
    async with place.open() as store:
        told = await statements(store, store.runs.submit(new_run(thread="t", key="k"), here=True))
    with sqlite3.connect(place.url) as file:
        plans = [
            str(row[3])
            for statement in told
            if statement.startswith("select")
            for row in file.execute(f"explain query plan {statement}")
        ]
    file.close()
    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN run") and "INDEX" not in plan]
