"""What must be seen when owners, databases and connections die: the table of faults in docs/kept-runs.md.

Where a number of places is sampled, `SOAK` in the environment takes them all (`make soak-runs`).
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests import postgres as servers
from tests.runs.owner import STORY, execute, work
from tests.stores import WAITING, Place, Store, event_of, finish, new_run, next_claim, soon, started, step, whole
from turnstream import errors, events, protocols
from turnstream.runs import log, postgres_log

SOAK = "SOAK" in os.environ
PLACES = [f"{when}:{number}" for when in ("before", "after") for number in range(1, 19)]
SAMPLE = PLACES if SOAK else sorted(random.Random(12).sample(PLACES, 5))
WITHIN = [*(f"within:{number}" for number in range(1, 15)), "commit:1", "commit:2"]
WITHIN_SAMPLE = WITHIN if SOAK else sorted(random.Random(3).sample(WITHIN, 3))


@asynccontextmanager
async def owner(place: Place, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that executes runs, as soon as it is ready."""
    command = sys.executable, "-m", "tests.runs.owner", place.kind, place.url
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment}
    )
    try:
        assert process.stdout is not None
        await soon(process.stdout.readline())
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def check_log(numbered: protocols.NumberedEvents) -> log.Fold:
    """Dense numbers, one terminal event at the end, and the story word by word once void events are left out."""
    assert [seq for seq, _ in numbered] == list(range(1, len(numbered) + 1))
    folded = log.fold(numbered)
    assert [seq for seq, event in numbered if isinstance(event, log.Terminal)] == [len(numbered)]
    texts = [event.text for _, event in log.without_void(numbered) if isinstance(event, events.TextDelta)]
    assert "".join(texts) == STORY
    return folded


async def check_run(store: Store, new: protocols.NewRun) -> log.Fold:
    folded = check_log(await whole(store, new.id))
    assert new.thread is not None
    assert await store.threads.read(new.thread) == [*new.said, *folded.messages]
    return folded


@pytest.mark.parametrize("at", SAMPLE)
async def test_a_run_goes_on_after_its_owner_was_killed_anywhere(place: Place, at: str) -> None:
    """Rows 1 and 16: before and after each call of the database, in text, between steps, around the release."""
    await tell_after_a_death(place, at)


@pytest.mark.parametrize("at", WITHIN_SAMPLE)
async def test_a_run_goes_on_after_its_owner_was_killed_within_a_transaction(shared: Place, at: str) -> None:
    """Rows 1 and 16: before each statement of the transaction that ends a run with its messages, and behind it."""
    await tell_after_a_death(shared, at)


async def tell_after_a_death(place: Place, at: str) -> None:
    new, following = new_run(thread="t"), new_run(thread="t")
    async with place.open() as store:
        for each in (new, following):
            await store.runs.submit(each)
    async with owner(place, TURNSTREAM_FAULT=at) as process:
        assert await soon(process.wait()) == -signal.SIGKILL
    async with place.open() as store, owner_here(store):
        folded = check_log(await whole(store, new.id))
        check_log(await whole(store, following.id))
        said = await store.threads.read(protocols.ThreadKey("ann", "helper", "t"))
        assert said == [*new.said, *folded.messages, *following.said, *folded.messages]


@asynccontextmanager
async def owner_here(store: Store, pace: float = 0) -> AsyncIterator[None]:
    working = asyncio.create_task(work(store, pace))
    try:
        yield
    finally:
        working.cancel()
        await asyncio.wait([working])


@pytest.fixture
async def shared(postgres_url: str) -> Place:
    """A store that several processes share."""
    return Place("postgres", await servers.new_database(postgres_url))


async def test_a_sleeper_that_wakes_up_writes_nothing_more(shared: Place) -> None:
    """Rows 2 and 3: stopped past its lease, and continued while another owner writes."""
    new = new_run(thread="t")
    async with shared.open() as store, owner(shared, TURNSTREAM_PACE="0.03") as sleeper:
        await store.runs.submit(new)
        watching = asyncio.create_task(whole(store, new.id))
        await event_of(store, new.id, events.TextDelta)
        sleeper.send_signal(signal.SIGSTOP)
        claim = await next_claim(store, new.id)
        taking = asyncio.create_task(execute(store, claim, pace=0.1))
        await event_of(store, new.id, events.RunResumed)
        sleeper.send_signal(signal.SIGCONT)
        await soon(taking)
        folded = check_log(await watching)
        assert folded.attempt == 2
        assert (await check_run(store, new)).void == folded.void


async def test_forty_runs_of_two_owners_one_of_which_is_killed_are_all_told(shared: Place) -> None:
    """Row 4."""
    runs = [new_run(thread=f"t{number}") for number in range(40)]
    async with shared.open() as store, owner(shared), owner(shared) as victim:
        for new in runs:
            await store.runs.submit(new)
        await event_of(store, runs[20].id, events.StepFinished)
        victim.kill()
        for new in runs:
            await check_run(store, new)


async def test_who_leaves_in_good_order_is_followed_at_once(shared: Place) -> None:
    """Row 5: SIGTERM, as in a deployment."""
    new = new_run(thread="t")
    async with shared.open() as store, owner(shared, TURNSTREAM_PACE="0.05") as leaving:
        await store.runs.submit(new)
        await event_of(store, new.id, events.TextDelta)
        leaving.terminate()
        began = time.monotonic()
        claim = await next_claim(store, new.id)
        assert time.monotonic() - began < 0.9  # and not the lease
        await execute(store, claim, pace=0)
        await check_run(store, new)


async def test_an_append_whose_answer_was_lost_is_stored_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 8, for text and for the end of a run with its messages."""
    new = new_run(thread="t")
    claim = await store.runs.submit(new, here=True)
    forget_an_answer(store, monkeypatch)
    await claim.append([started(new), events.TextDelta("a")])
    forget_an_answer(store, monkeypatch)
    await finish(claim, said=new.said)
    assert [seq for seq, _ in await whole(store, new.id)] == [1, 2, 3]
    assert await store.threads.read(new.thread or protocols.ThreadKey("", "", "")) == list(new.said)


def forget_an_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next append is stored, and then seems to have failed."""
    target: Any = store.runs.database if hasattr(store.runs.database, "call") else postgres_log.LogWriter
    names = ["call"] if hasattr(store.runs.database, "call") else ["_flush"]

    def with_loss(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def lossy(*arguments: Any, **named: Any) -> Any:
            await call(*arguments, **named)
            monkeypatch.undo()
            raise errors.StoreError("The connection is gone.")

        return lossy

    for name in names:
        monkeypatch.setattr(target, name, with_loss(getattr(target, name)))


async def test_a_lost_notification_delays_a_watcher_by_a_poll(shared: Place) -> None:
    """Row 12: both ends of the notification are cut off."""
    async with shared.open() as writer, shared.open() as watcher:
        claim = await writer.runs.submit(new_run(), here=True)
        await claim.append([started(claim.new)])
        seen = asyncio.create_task(whole(watcher, claim.new.id))
        await event_of(watcher, claim.new.id, events.RunStarted)
        await writer.runs.database.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' "
            "and datname = current_database()"
        )
        await finish(claim, events.TextDelta("a"))
        assert [seq for seq, _ in await soon(seen, 3)] == [1, 2, 3]


async def test_one_key_at_two_replicas_at_once_is_one_run(shared: Place) -> None:
    """Row 14."""
    async with shared.open() as one, shared.open() as other:
        for number in range(10):
            both = [replica.runs.submit(new_run(key=f"k{number}")) for replica in (one, other)]
            submitted = await asyncio.gather(*both)
            assert (len({each.id for each in submitted}), sum(each.created for each in submitted)) == (1, 1)


async def test_a_run_is_cancelled_from_another_replica_in_every_state(shared: Place) -> None:
    """Row 17: queued, executed, waiting, and without an owner."""
    async with shared.open() as one, shared.open() as other:
        owned = await one.runs.submit(new_run(), here=True)
        waiting = await one.runs.submit(new_run(), here=True)
        await owned.append([started(owned.new)])
        await waiting.append([started(waiting.new), step(1, "?"), WAITING])
        await waiting.release()
        queued = new_run(thread="t")
        await one.runs.submit(queued)
        for run_id in (owned.new.id, waiting.new.id, queued.id):
            assert await other.runs.cancel("ann", run_id)
        await soon(owned.cancelled.wait(), 1)
        for run_id in (waiting.new.id, queued.id):
            assert isinstance((await whole(other, run_id))[-1][1], events.RunCancelled)


async def test_a_run_without_an_owner_is_cancelled_when_its_lease_is_over(shared: Place) -> None:
    """Row 17, orphaned."""
    new = new_run()
    async with shared.open() as store, owner(shared, TURNSTREAM_PACE="0.5") as victim:
        await store.runs.submit(new)
        await event_of(store, new.id, events.StepStarted)
        victim.kill()
        assert await store.runs.cancel("ann", new.id)
        async with owner_here(store):
            assert [type(event) for _, event in await whole(store, new.id)][-1] is events.RunCancelled


async def test_a_run_that_ends_all_its_owners_is_given_up_and_its_thread_goes_on(place: Place) -> None:
    """Row 20."""
    poison, following = new_run(thread="t"), new_run(thread="t")
    async with place.open() as store:
        for new in (poison, following):
            await store.runs.submit(new)
        for _ in range(6):
            claim = await next_claim(store)
            if claim.new.id == following.id:
                break
            folded = log.fold(await claim.log())
            await claim.append([folded.resume() if folded.attempt else started(poison), events.StepStarted(1)])
            await claim.give_back()
        assert claim.new.id == following.id
        state = await store.runs.get("ann", poison.id)
        assert (state.status, state.ending.code) == ("failed", "attempts")


async def test_the_clock_of_a_replica_does_not_matter(shared: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 21: an hour behind and an hour ahead."""
    now = time.time
    async with shared.open() as store:
        for hours in (-1, 1):
            monkeypatch.setattr(time, "time", lambda hours=hours: now() + hours * 3600)
            claim = await store.runs.submit(new_run(), here=True)
            await finish(claim, started(claim.new))
            state = await store.runs.get("ann", claim.new.id)
            assert abs(state.created_at - now()) < 60
            assert await store.runs.expire(1800) == 0


async def test_a_database_that_does_not_write_refuses_new_runs_and_goes_on_later(place: Place) -> None:
    """Row 22: SQLite without a page left, PostgreSQL read-only."""
    async with place.open() as store:
        claim = await store.runs.submit(new_run(), here=True)
        async with refusing_writes(store):
            for _ in range(2):
                with pytest.raises(errors.StoreError):
                    await store.runs.submit(new_run("x" * 100_000))
            appending = asyncio.create_task(claim.append([started(claim.new), events.TextDelta("x" * 100_000)]))
            await asyncio.wait([appending], timeout=0.3)
            assert not appending.done()
        assert await soon(appending) == 2


@asynccontextmanager
async def refusing_writes(store: Store) -> AsyncIterator[None]:
    if hasattr(store.runs.database, "call"):
        file = store.runs.database
        pages = await file.call(lambda db: db.execute("pragma page_count").fetchone()[0])
        await file.call(lambda db: db.execute(f"pragma max_page_count = {pages}").fetchone())
        yield
        await file.call(lambda db: db.execute("pragma max_page_count = 1000000").fetchone())
        return
    pool = store.runs.database._pool
    name = await pool.fetchval("select current_database()")
    await pool.execute(f"alter database {name} set default_transaction_read_only = on")
    await pool.expire_connections()
    yield
    await pool.execute("set default_transaction_read_only = off")
    await pool.execute(f"alter database {name} reset default_transaction_read_only")
    await pool.expire_connections()


async def test_many_watchers_of_one_run_cost_one_query_for_each_wake(
    shared: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 23: what is written while they watch is read once for all of them."""
    seen: list[protocols.NumberedEvents] = [[] for _ in range(1000)]
    async with shared.open() as writer, shared.open() as watcher:
        claim = await writer.runs.submit(new_run(), here=True)
        await claim.append([started(claim.new)])

        started_watching = asyncio.Semaphore(0)

        async def watch(log: protocols.NumberedEvents) -> None:
            async for batch in watcher.runs.tail(claim.new.id):
                log += batch
                started_watching.release()

        watching = [asyncio.create_task(watch(log)) for log in seen]
        for _ in seen:
            await soon(started_watching.acquire())
        fetch, calls = watcher.runs.database.fetch, []

        async def counted(sql: str, *arguments: Any) -> Any:
            calls.append(sql)
            return await fetch(sql, *arguments)

        monkeypatch.setattr(watcher.runs.database, "fetch", counted)
        for number in range(5):
            await claim.append([events.TextDelta(str(number))])
        await finish(claim)
        await soon(asyncio.gather(*watching))
    assert {tuple(seq for seq, _ in log) for log in seen} == {tuple(range(1, 8))}
    assert len([sql for sql in calls if "run_event" in sql]) < 20


async def test_two_hundred_principals_at_once_never_meet(store: Store) -> None:
    """Row 24: the same names of threads and keys, everybody's run asked for by everybody's neighbour."""
    users = [f"user{number}" for number in range(200)]

    async def act(user: str, neighbour: str) -> None:
        new = new_run(user, user=user, thread="t", key="k", id=f"run_of_{user}")
        submitted = await store.runs.submit(new)
        assert submitted == protocols.Submitted(new.id)
        assert await store.runs.get(neighbour, new.id) is None
        assert not await store.runs.cancel(neighbour, new.id)
        await store.threads.append(protocols.ThreadKey(user, "helper", "t"), new.said, at=0)
        assert [state.id for state in await store.runs.recent(user)] == [new.id]
        assert await store.threads.read(protocols.ThreadKey(user, "helper", "t")) == list(new.said)

    await soon(
        asyncio.gather(*(act(user, other) for user, other in zip(users, users[1:] + users[:1], strict=True))), 60
    )


async def test_a_second_process_on_one_file_is_told_what_to_do(tmp_path: Any) -> None:
    """Row 26."""
    place = Place("sqlite", str(tmp_path / "store.db"))
    async with place.open():
        with pytest.raises(errors.ConfigurationError, match="in use by another process"):
            async with place.open():
                pass
    async with place.open():
        pass
