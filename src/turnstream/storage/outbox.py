"""Letters that are not delivered yet: `protocols.Outbox` in both stores.

They are posted where the state of a run changes, in the same transaction: nobody is told of what was not stored, and
nothing that was stored is forgotten. In PostgreSQL they wait in a queue of pgmq, in SQLite in a table.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from turnstream import protocols
from turnstream.storage import sqlite

if TYPE_CHECKING:
    from typing import Self

    from turnstream.storage import postgres  # its driver comes with an extra

# Seconds for which a letter is whoever's who has claimed it; longer than any try takes.
LEASE = 60
# Posts letters to all who are to be told of the rows of ``moved``.
POST = """
select pgmq.send('turnstream_letters', jsonb_build_object('target', told.target, 'run', moved.id,
  'principal', moved.principal, 'status', moved.status, 'seq', moved.last,
  'at', extract(epoch from clock_timestamp())::float8))
from moved cross join lateral (
  select jsonb_array_elements_text(moved.notify::jsonb) as target
  union all select 'push:' || push.id from turnstream.push where push.run_id = moved.id) told"""
_READ = "select msg_id, read_ct, message from pgmq.read('turnstream_letters', $1::int, $2::int)"


def post(db: sqlite3.Connection, new: protocols.NewRun, status: protocols.Status, seq: int) -> bool:
    """As `POST`, in a transaction of SQLite. Whether anybody is told."""
    pushes = db.execute("select 'push:' || id from push where run_id = ?", [new.id])
    targets = (*new.notify, *(row[0] for row in pushes))
    for target in targets:
        letter = protocols.Letter(target, new.id, new.principal, status, seq, time.time())
        body = msgspec.json.encode(letter).decode()
        db.execute("insert into letter (body, due) values (?, ?)", (body, letter.at))
    return bool(targets)


class SqliteOutbox:
    def __init__(self, database: sqlite.Database) -> None:
        self._database = database

    async def claim(self, most: int) -> list[protocols.Posted]:
        def job(db: sqlite3.Connection) -> list[protocols.Posted]:
            now = time.time()
            claim = (
                "update letter set due = ?, tries = tries + 1 where number in "
                "(select number from letter where due <= ? order by due limit ?) returning number, body, tries"
            )
            rows = db.execute(claim, (now + LEASE, now, most)).fetchall()
            return [_read_posted(number, body, tries) for number, body, tries in rows]

        self._database.posted.clear()
        return await self._database.call(job) if self._database.is_open else []

    async def later(self, posted: protocols.Posted, seconds: float) -> None:
        update, due = "update letter set due = ? where number = ?", time.time() + seconds
        await self._database.call(lambda db: db.execute(update, (due, posted.number)))

    async def done(self, posted: protocols.Posted) -> None:
        delete = "delete from letter where number = ?"
        await self._database.call(lambda db: db.execute(delete, [posted.number]))

    async def wait(self, seconds: float) -> None:
        await _set_within(self._database.posted, seconds)


class PostgresOutbox:
    def __init__(self, database: postgres.Database) -> None:
        self._database = database
        self._posted = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._database.listen(self._hear, self._posted.set)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def claim(self, most: int) -> list[protocols.Posted]:
        self._posted.clear()
        rows = await self._database.fetch(_READ, LEASE, most)
        return [_read_posted(row["msg_id"], row["message"], row["read_ct"]) for row in rows]

    async def later(self, posted: protocols.Posted, seconds: float) -> None:
        delay = "select pgmq.set_vt('turnstream_letters', $1::bigint, $2::int)"
        await self._database.fetch(delay, posted.number, int(seconds + 0.5))

    async def done(self, posted: protocols.Posted) -> None:
        await self._database.fetch("select pgmq.delete('turnstream_letters', $1::bigint)", posted.number)

    async def wait(self, seconds: float) -> None:
        await _set_within(self._posted, 1.0 if self._database.pooled else seconds)

    def _hear(self, payload: str) -> None:
        if payload == "letter":
            self._posted.set()


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _read_posted(number: int, body: str, tries: int) -> protocols.Posted:
    return protocols.Posted(number, msgspec.json.decode(body, type=protocols.Letter), tries)
