"""What many runs append at once in a SQLite file: in a journal first, and in the logs before anybody looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.stores import Place, finish, new_run, rival_of, started, whole
from turnstream import errors, events, protocols
from turnstream.runs import appends, sqlite_appends

TEXTS = st.lists(st.builds(events.TextDelta, st.text(max_size=3)), min_size=1, max_size=3)
RUN = st.integers(0, 2)
# What happens to three runs: they append text together, one appends what changes its status, a log is read, all logs
# are written, a transaction is taken back, the program starts again.
ACTS = st.one_of(
    st.tuples(st.just("texts"), st.dictionaries(RUN, TEXTS, min_size=1)),
    st.tuples(st.sampled_from(["status", "read"]), RUN),
    st.tuples(st.sampled_from(["write", "fail", "restart"]), st.none()),
)


@pytest.fixture
async def claims(tmp_path: Path) -> AsyncIterator[tuple[Any, list[protocols.Claim]]]:
    async with Place("sqlite", str(tmp_path / "store.db")).open() as store:
        claims = [await store.runs.submit(new_run(), here=True) for _ in range(3)]
        for claim in claims:
            await claim.append([started(claim.new)])
        yield store, claims


async def append_together(*appends: tuple[protocols.Claim, str]) -> None:
    await asyncio.gather(*(claim.append([events.TextDelta(text)]) for claim, text in appends))


async def count(store: Any, table: str) -> int:
    found: int = await store.runs.database.call(lambda db: db.execute(f"select count(*) from {table}").fetchone()[0])
    return found


@given(st.lists(ACTS, max_size=15))
@settings(max_examples=40, deadline=None)
async def test_whatever_happens_meanwhile_each_log_has_all_that_was_appended(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    async with Place("sqlite", str(folder / "store.db")).open() as store:
        database, log = store.runs.database, store.runs._log
        claims = [await store.runs.submit(new_run(), here=True) for _ in range(3)]
        told: list[list[events.LogEvent]] = [[] for _ in claims]
        for kind, which in acts:
            if kind == "texts":
                await asyncio.gather(*(claims[at].append(batch) for at, batch in which.items()))
                for at, batch in which.items():
                    told[at] += batch
            elif kind == "status":
                await claims[which].append([started(claims[which].new)])
                told[which].append(started(claims[which].new))
            elif kind == "read":
                assert [event for _, event in await store.runs.log(claims[which].new.id)] == told[which]
            elif kind == "write":
                await database.call(log._recent.move_all)
            elif kind == "fail":
                with pytest.raises(errors.StoreError):
                    await database.call(lambda db: log._recent.move_all(db) or db.execute("no statement"))
            else:
                store.runs._log.__init__(database)
        for claim, expected in zip(claims, told, strict=True):
            assert await store.runs.log(claim.new.id) == list(enumerate(expected, 1))


async def test_what_all_runs_append_at_once_is_one_row_and_soon_one_row_of_each(claims: Any) -> None:
    store, owned = claims
    for text in "abcd":
        await append_together(*((claim, text) for claim in owned))
    assert (await count(store, "recent_append"), await count(store, "run_event")) == (4, 3)
    await store.runs.database.call(store.runs._log._recent.move_all)
    assert (await count(store, "recent_append"), await count(store, "run_event")) == (0, 6)


async def test_logs_are_written_when_there_is_much_to_write(claims: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_appends, "MOST", 6)
    store, owned = claims
    for text in "abc":
        await append_together(*((claim, text) for claim in owned))
    assert await count(store, "recent_append") == 1


async def test_a_sleeper_cannot_write_within_what_became_one_row(claims: Any) -> None:
    store, (claim, *_) = claims
    sleeper = rival_of(claim)
    await sleeper.log()
    for text in "abc":
        await claim.append([events.TextDelta(text)])
    await store.runs.database.call(store.runs._log._recent.move_all)
    with pytest.raises(protocols.FencedError):
        await sleeper.append([events.TextDelta("x")])
    await finish(claim)
    assert [getattr(event, "text", "") for _, event in await whole(store, claim.new.id)] == ["", "a", "b", "c", ""]


async def test_an_append_that_the_journal_has_already_is_stored_once(claims: Any) -> None:
    store, (claim, *_) = claims
    append = appends.Append(claim.new, 2, "me", [events.TextDelta("a")])
    job = partial(store.runs._log.store_all, appends=[append])
    assert [await store.runs.database.call(job) for _ in range(3)] == [[True]] * 3
    assert len(await store.runs.log(claim.new.id)) == 2


async def test_nothing_is_stored_of_a_run_that_was_deleted(claims: Any) -> None:
    store, (deleted, other, _) = claims
    await append_together((deleted, "a"), (other, "a"))
    await store.runs.delete("ann", deleted.new.id)
    outcomes = await asyncio.gather(
        *(claim.append([events.TextDelta("b")]) for claim in (deleted, other)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [protocols.FencedError, int]
    await store.runs.expire(0)
    assert await store.runs.log(deleted.new.id) == []


async def test_the_events_of_a_run_that_expired_do_not_come_back(claims: Any) -> None:
    store, (claim, *_) = claims
    await append_together((claim, "a"))
    await finish(claim)
    assert await store.runs.expire(-1) > 0
    store.runs._log._recent.forget()
    assert await store.runs.log(claim.new.id) == []


@pytest.mark.parametrize("how", ["delete", "erase"])
async def test_what_is_deleted_is_in_the_journal_no_more(claims: tuple[Any, list[protocols.Claim]], how: str) -> None:
    store, (one, two, _) = claims
    await append_together((one, "secret"), (two, "other"))
    if how == "delete":
        assert await store.runs.delete(one.new.principal, one.new.id)
        assert [event for _, event in await store.runs.log(two.new.id)][1:] == [events.TextDelta("other")]
    else:
        assert await store.threads.erase(one.new.principal) == 3
    assert await count(store, "recent_append") == 0
    find = "select count(*) from run_event where instr(cast(events as text), 'secret')"
    assert await store.runs.database.call(lambda db: db.execute(find).fetchone()[0]) == 0
