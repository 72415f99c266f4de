"""Keys in the SQLite file of a server, which may be running.

That file belongs to one process, because runs have one owner. Keys are only rows, and SQLite lets several processes
write rows one after another: so `turnstream keys` writes beside the server, and the server sees it at its next look.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from turnstream import errors
from turnstream.identity import keys, records
from turnstream.storage import sqlite

T = TypeVar("T")
_PATIENCE = 5.0  # seconds for another writer to end


class SqliteKeys:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def version(self) -> object:
        found = await self._call(lambda db: db.execute("select count(*), max(changed_at) from api_key").fetchone())
        return tuple(found)

    async def read(self) -> Sequence[keys.Key]:
        return [record.as_key() for record, _ in await self.list_records() if record.revoked_at is None]

    async def list_records(self) -> Sequence[tuple[records.Record, float | None]]:
        select = "select body, used_at from api_key order by created_at, id"
        rows = await self._call(lambda db: db.execute(select).fetchall())
        return [(msgspec.json.decode(body, type=records.Record), used_at) for body, used_at in rows]

    async def add(self, record: records.Record) -> None:
        row = (record.id, record.hash, record.name, msgspec.json.encode(record), record.created_at, record.created_at)
        insert = "insert into api_key (id, hash, name, body, created_at, changed_at) values (?, ?, ?, ?, ?, ?)"
        await self._call(lambda db: db.execute(insert, row))

    async def revoke(self, wanted: str, now: float) -> int:
        def change(db: sqlite3.Connection) -> int:
            rows = db.execute("select body from api_key where id = ? or name = ?", (wanted, wanted)).fetchall()
            found = [msgspec.json.decode(body, type=records.Record) for (body,) in rows]
            for record in (revoked := records.revoke(found, wanted, now)):
                body = msgspec.json.encode(record)
                db.execute("update api_key set body = ?, changed_at = ? where id = ?", (body, now, record.id))
            return len(revoked)

        return await self._call(change)

    async def note_uses(self, uses: Mapping[str, float]) -> None:
        update = "update api_key set used_at = max(coalesce(used_at, 0), ?) where id = ?"
        await self._call(lambda db: db.executemany(update, [(at, id) for id, at in uses.items()]))

    async def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._work, work)

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        sqlite.prepare(self._path)
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=_PATIENCE)) as db, db:
                return work(db)
        except sqlite3.Error as error:
            raise errors.StoreError("The database of keys does not answer.") from error
