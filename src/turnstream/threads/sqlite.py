"""Threads in a SQLite file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from turnstream import jsontext, messages, protocols
from turnstream.storage import codec
from turnstream.storage.sqlite import Database

# Of `run`; what a run was asked has a row of its own, see `insert_run`.
ASKED_BODY = "(select body from asked where number = run.number)"
ASKED_REQUEST = "(select request from asked where number = run.number)"
RUN_COLUMNS = (
    "id, principal, agent, thread, status, created_at, ended_at, ending, length, background, dialect, "
    f"{ASKED_BODY}, shown, outputs"
)
_OF_KEY = "principal = ? and agent = ? and id = ?"
_OF_THREAD = "principal = ? and agent = ? and thread = ?"
_THREAD = "select principal, agent, id, title, length, created_at, updated_at, metadata from thread"


class Threads:
    """See `protocols.Threads`. The database belongs to whoever opened it. ``empty_journal`` is called before runs are
    erased."""

    def __init__(self, database: Database, empty_journal: Callable[[sqlite3.Connection], None] | None = None) -> None:
        self._database, self._empty_journal = database, empty_journal

    async def get(self, key: protocols.ThreadKey) -> protocols.Thread | None:
        return await self._database.call(lambda db: _find(db, key))

    async def read(
        self, key: protocols.ThreadKey, *, after: int = 0, limit: int | None = None
    ) -> list[messages.Message]:
        def job(db: sqlite3.Connection) -> list[bytes]:
            select = f"select body from message where {_OF_THREAD} and n >= ? order by n limit ?"
            return [row[0] for row in db.execute(select, (*astuple(key), after, -1 if limit is None else limit))]

        return [codec.decode_message(body) for body in await self._database.call(job)]

    async def append(
        self,
        key: protocols.ThreadKey,
        new: Sequence[messages.Message],
        *,
        at: int | None = None,
        run: protocols.RunState | None = None,
    ) -> int:
        def job(db: sqlite3.Connection) -> int:
            if at is not None and begin_thread(db, key) != at:
                raise protocols.MovedError
            length = append_messages(db, key, new, None if run is None else run.id)
            if run is not None:
                _insert_run(db, run, length)
            return length

        return await self._database.call(job, durable=True)

    async def run(self, principal: str, agent: str, run_id: str) -> protocols.RunState | None:
        return await self._database.call(lambda db: find_run(db, principal, run_id, agent))

    async def recent(
        self, principal: str, agent: str | None = None, *, before: str | None = None, limit: int = 20
    ) -> list[protocols.Thread]:
        def job(db: sqlite3.Connection) -> list[protocols.Thread]:
            select = f"""{_THREAD} where principal = :principal and (:agent is null or agent = :agent)
                and (:before is null or (updated_at, id) < (select updated_at, id from thread
                     where principal = :principal and id = :before and (:agent is null or agent = :agent)))
                order by updated_at desc, id desc limit :limit"""
            named = {"principal": principal, "agent": agent, "before": before, "limit": limit}
            return [_thread(row) for row in db.execute(select, named)]

        return await self._database.call(job)

    async def runs(
        self, principal: str, query: protocols.RunQuery, *, behind: protocols.Place | None = None, limit: int = 20
    ) -> tuple[list[protocols.RunState], int]:
        marks = ", ".join("?" * len(query.statuses))
        where = f"""principal = ? and (? is null or agent = ?) and (? is null or dialect = ?)
            and (? is null or thread = ?) and (? is null or coalesce(ended_at, created_at) >= ?)
            {f"and status in ({marks})" if marks else ""}"""
        values = (query.agent, query.dialect, query.thread, query.since)
        given = (principal, *(value for value in values for _ in range(2)), *query.statuses)

        def job(db: sqlite3.Connection) -> tuple[list[protocols.RunState], int]:
            total: int = db.execute(f"select count(*) from run where {where}", given).fetchone()[0]
            select = f"""select {RUN_COLUMNS} from run where {where}
                and (? is null or (coalesce(ended_at, created_at), id) < (?, ?))
                order by coalesce(ended_at, created_at) desc, id desc limit ?"""
            changed, id = behind or (None, None)
            rows = db.execute(select, (*given, changed, changed, id, limit))
            return [run_state(row) for row in rows], total

        return await self._database.call(job)

    async def rename(self, key: protocols.ThreadKey, title: str | None) -> bool:
        update = f"update thread set title = ? where {_OF_KEY}"
        return await self._database.call(lambda db: db.execute(update, (title, *astuple(key))).rowcount > 0)

    async def annotate(self, key: protocols.ThreadKey, metadata: Mapping[str, str]) -> bool:
        update = f"update thread set metadata = ? where {_OF_KEY}"
        noted = jsontext.encode(dict(metadata)).decode()
        return await self._database.call(lambda db: db.execute(update, (noted, *astuple(key))).rowcount > 0)

    async def replace(self, key: protocols.ThreadKey, n: int, message: messages.Message) -> bool:
        update, body = f"update message set body = ? where {_OF_THREAD} and n = ?", codec.encode_message(message)
        return await self._database.call(lambda db: db.execute(update, (body, *astuple(key), n)).rowcount > 0)

    async def fork(self, key: protocols.ThreadKey, length: int, id: str) -> protocols.Thread | None:
        def job(db: sqlite3.Connection) -> protocols.Thread | None:
            found = _find(db, key)
            if found is None or found.length < length:
                return None
            fork = protocols.ThreadKey(key.principal, key.agent, id)
            if begin_thread(db, fork):
                raise protocols.MovedError
            db.execute(
                "insert into message (principal, agent, thread, n, run_id, body, at) "
                f"select principal, agent, ?, n, run_id, body, at from message where {_OF_THREAD} and n < ?",
                (id, *astuple(key), length),
            )
            update = f"update thread set length = ?, title = ? where {_OF_KEY}"
            db.execute(update, (length, found.title, *astuple(fork)))
            return _find(db, fork)

        return await self._database.call(job)

    async def rewind(self, key: protocols.ThreadKey, length: int) -> bool:
        def job(db: sqlite3.Connection) -> bool:
            update = f"update thread set length = ?, updated_at = ? where {_OF_KEY} and length >= ?"
            if not db.execute(update, (length, time.time(), *astuple(key), length)).rowcount:
                return False
            db.execute(f"delete from message where {_OF_THREAD} and n >= ?", (*astuple(key), length))
            return True

        return await self._database.call(job)

    async def delete(self, key: protocols.ThreadKey) -> bool:
        delete = f"delete from thread where {_OF_KEY}"
        return await self._database.call(lambda db: db.execute(delete, astuple(key)).rowcount > 0, durable=True)

    async def erase(self, principal: str) -> int:
        def job(db: sqlite3.Connection) -> int:
            if self._empty_journal is not None:
                self._empty_journal(db)
            runs = db.execute("delete from run where principal = ?", [principal]).rowcount
            return runs + db.execute("delete from thread where principal = ?", [principal]).rowcount

        return await self._database.call(job, durable=True)


def append_messages(
    db: sqlite3.Connection, key: protocols.ThreadKey, new: Sequence[messages.Message], run_id: str | None
) -> int:
    """Add them at the end of the thread, which may begin with them; its new length."""
    length, now = begin_thread(db, key), time.time()
    db.executemany(
        "insert into message (principal, agent, thread, n, run_id, body, at) values (?, ?, ?, ?, ?, ?, ?)",
        [(*astuple(key), n, run_id, codec.encode_message(each), now) for n, each in enumerate(new, length)],
    )
    update = f"update thread set length = ?, updated_at = ? where {_OF_KEY}"
    db.execute(update, (length + len(new), now, *astuple(key)))
    return length + len(new)


def find_run(db: sqlite3.Connection, principal: str, run_id: str, agent: str | None) -> protocols.RunState | None:
    select = f"select {RUN_COLUMNS} from run where principal = ? and id = ? and (? is null or agent = ?)"
    row = db.execute(select, (principal, run_id, agent, agent)).fetchone()
    return None if row is None else run_state(row)


def run_state(row: Sequence[Any]) -> protocols.RunState:
    """From a row of `RUN_COLUMNS`."""
    id, principal, agent, thread, status, created, ended, ending, length, background, dialect, body, *rest = row
    return protocols.RunState(
        id,
        principal,
        agent,
        thread,
        status,
        created,
        ended,
        None if ending is None else codec.decode_ending(ending),
        length,
        bool(background),
        dialect,
        body,
        *rest,
    )


def insert_run(db: sqlite3.Connection, columns: str, values: Sequence[Any], request: bytes | None, body: bytes) -> None:
    """The run, and under its number what it was asked."""
    row = db.execute(f"insert into run ({columns}) values ({', '.join('?' * len(values))})", values)
    db.execute("insert into asked (number, request, body) values (?, ?, ?)", (row.lastrowid, request, body))


def _insert_run(db: sqlite3.Connection, run: protocols.RunState, length: int) -> None:
    insert_run(
        db,
        "id, principal, agent, thread, status, created_at, ended_at, ending, length, background, dialect, shown, "
        "outputs, kept",
        (
            run.id,
            run.principal,
            run.agent,
            run.thread,
            run.status,
            run.created_at,
            time.time() if run.ended_at is None else run.ended_at,
            None if run.ending is None else codec.encode_ending(run.ending),
            length,
            run.background,
            run.dialect,
            run.shown,
            run.outputs,
            False,
        ),
        None,
        run.body,
    )


def begin_thread(db: sqlite3.Connection, key: protocols.ThreadKey) -> int:
    """The thread's length, 0 if it begins now."""
    now = time.time()
    columns = "principal, agent, id, created_at, updated_at"
    db.execute(
        f"insert into thread ({columns}) values (?, ?, ?, ?, ?) on conflict do nothing", (*astuple(key), now, now)
    )
    length: int = db.execute(f"select length from thread where {_OF_KEY}", astuple(key)).fetchone()[0]
    return length


def _find(db: sqlite3.Connection, key: protocols.ThreadKey) -> protocols.Thread | None:
    row = db.execute(f"{_THREAD} where {_OF_KEY}", astuple(key)).fetchone()
    return None if row is None else _thread(row)


def _thread(row: Sequence[Any]) -> protocols.Thread:
    principal, agent, id, title, length, created, updated, metadata = row
    key, noted = protocols.ThreadKey(principal, agent, id), msgspec.json.decode(metadata)
    return protocols.Thread(key, title, length, created, updated, noted)
