"""The schema of a database is the files that were run in it, each once, whichever of them came first."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import asyncpg
import pytest

from tests import postgres as servers
from tests.stores import new_run
from turnstream import asks, errors, events, messages, protocols
from turnstream.runs import postgres as postgres_runs, sqlite as runs
from turnstream.storage import codec, migrations, postgres, sqlite

FOLDERS = "sqlite_schema", "postgres_schema"
LATE = migrations.Migration(3, "0003_late.sql", "create table late (id integer)")


def without(number: int) -> list[migrations.Migration]:
    return [each for each in migrations.migrations("sqlite_schema") if each.number != number]


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_number_is_one_file_and_none_is_left_out(folder: str) -> None:
    numbers = [each.number for each in migrations.migrations(folder)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_lower_number_that_comes_later_is_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, others = tmp_path / "store.db", [each for each in without(3) if each.number < 3 or each.number == 8]
    monkeypatch.setattr(sqlite, "migrations", lambda folder: others)
    sqlite.prepare(path)
    monkeypatch.setattr(sqlite, "migrations", lambda folder: sorted([*others, LATE]))
    sqlite.prepare(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select count(*) from late").fetchone() == (0,)
        assert connection.execute("pragma user_version").fetchone() == (8,)
    sqlite.prepare(path)


async def test_a_lower_number_that_comes_later_is_run_in_postgres_too(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await servers.new_database(postgres_url)
    late = migrations.Migration(0, "0000_late.sql", "create table turnstream.late (id int)")
    monkeypatch.setattr(postgres, "migrations", lambda folder: [late, *migrations.migrations(folder)])
    with pytest.raises(errors.ConfigurationError, match="older"):
        await postgres.Database(url).__aenter__()
    assert [await postgres.migrate(url), await postgres.migrate(url)] == [1, 0]
    async with postgres.Database(url) as database:
        assert await database.fetch("select * from turnstream.late") == []


async def test_a_database_that_knows_only_its_last_number_has_seen_all_up_to_it(postgres_url: str) -> None:
    url = await servers.new_database(postgres_url)
    connection = await asyncpg.connect(url)
    await connection.execute("drop table turnstream.schema_file")
    await connection.close()
    assert await postgres.migrate(url) == 0


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    sqlite.prepare(path := tmp_path / "store.db")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("insert into schema_file values (999)")
    with pytest.raises(errors.ConfigurationError, match="has the schema 999, written by a newer version"):
        asyncio.run(sqlite.Database(path).__aenter__())


async def test_questions_that_were_open_before_their_codes_had_a_table_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, call = tmp_path / "store.db", messages.ToolCall("c1", "pay", "{}")
    with monkeypatch.context() as patch:
        before = [each for each in migrations.migrations("sqlite_schema") if each.number < 9]
        patch.setattr(sqlite, "migrations", lambda folder: before)
        sqlite.prepare(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("select name from sqlite_master where name = 'question'").fetchone() is None
        connection.execute("drop table schema_file")  # as those have it that were made before it
        ending = codec.encode_ending(events.RunWaiting(1, (call,), (asks.Ask("c1", "approval", code="K7Q2"),)))
        connection.execute(
            "insert into run (id, principal, agent, kept, request, status, ending, created_at) "
            "values ('run_1', 'ann', 'helper', true, ?, 'waiting', ?, 1.0)",
            (codec.encode_new_run(new_run(id="run_1")), ending),
        )
    async with sqlite.Database(path) as database, runs.Runs(database) as found:
        assert [state.id for state in await found.find_asking("K7Q2")] == ["run_1"]


async def test_they_are_found_in_postgres_too_whatever_else_was_said(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, call = "questions_before", messages.ToolCall("c1", "pay", '{"to": "\\u0000"}')
    url = servers.with_database(postgres_url, name)
    async with postgres._connection(postgres_url) as connection:
        await connection.execute(f"create database {name}")
    with monkeypatch.context() as patch:
        before = [each for each in migrations.migrations("postgres_schema") if each.number < 9]
        patch.setattr(postgres, "migrations", lambda folder: before)
        await postgres.migrate(url)
    asked = events.RunWaiting(1, (call,), (asks.Ask("c1", "approval", "a\x00b", code="K7Q2"),))
    insert = (
        "insert into turnstream.run (id, principal, agent, kept, request, status, ending, created_at) "
        "values ('run_1', 'ann', 'helper', true, $1, 'waiting', $2, now())"
    )
    async with postgres._connection(url) as connection:
        await connection.execute(insert, codec.encode_new_run(new_run(id="run_1")), codec.encode_ending(asked))
    assert await postgres.migrate(url) == 1
    async with postgres.Database(url) as database, postgres_runs.Runs(database) as found:
        assert [state.id for state in await found.find_asking("K7Q2")] == ["run_1"]


async def test_runs_of_before_keep_what_they_were_asked_their_logs_and_all_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, first = tmp_path / "store.db", new_run(id="run_1", thread="t", key="once")
    with monkeypatch.context() as patch:
        before = [each for each in migrations.migrations("sqlite_schema") if each.number < 12]
        patch.setattr(sqlite, "migrations", lambda folder: before)
        sqlite.prepare(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for table, values in rows_of(first).items():
            connection.execute(f"insert into {table} values ({', '.join('?' * len(values))})", values)
    async with sqlite.Database(path) as database, runs.Runs(database) as found:
        state = await found.get(first.principal, "run_1")
        assert (state and state.body, await found.request("run_1")) == (b"body", first)
        assert await found.log("run_1") == [(1, events.TextDelta("a")), (2, events.TextDelta("b"))]
        assert await found.submit(first) == protocols.Submitted("run_1", created=False)
        assert await database.call(lambda db: db.execute("pragma foreign_key_check").fetchall()) == []
        assert await counts_of(database) == [1, 1, 1, 1, 1]
        await found.delete(first.principal, "run_1")
        assert await counts_of(database) == [0, 0, 0, 0, 0]


async def counts_of(database: sqlite.Database) -> list[int]:
    tables = ("run", "asked", "run_event", "push", "question")
    return await database.call(
        lambda db: [db.execute(f"select count(*) from {table}").fetchone()[0] for table in tables]
    )


def rows_of(new: protocols.NewRun) -> dict[str, tuple[object, ...]]:
    """One run as it was stored before, in each table that knows of it."""
    whose, log = (new.principal, new.agent), codec.encode_events([events.TextDelta("a"), events.TextDelta("b")])
    asked = (codec.encode_new_run(new), b"body")
    return {
        "thread (principal, agent, id, created_at, updated_at)": (*whose, "t", 1.0, 1.0),
        "run (id, principal, agent, thread, key, kept, request, body, status, created_at)": (
            *(new.id, *whose, "t", new.key, True, *asked, "waiting", 1.0),
        ),
        "run_event": (new.id, 1, 2, "o", log),
        "push": (new.id, "p", b"{}"),
        "question": ("K7Q2", new.id),
    }
