"""What the schedules of all replicas have done: `protocols.Firings` in both stores."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from turnstream import protocols
from turnstream.storage import sqlite

if TYPE_CHECKING:  # its driver comes with an extra
    from turnstream.storage import postgres


class SqliteFirings:
    def __init__(self, database: sqlite.Database) -> None:
        self._database = database

    async def time(self) -> float:
        return time.time()

    async def last(self, schedule: str) -> protocols.Firing | None:
        def job(db: sqlite3.Connection) -> protocols.Firing | None:
            row = db.execute("select at, run_id from schedule where name = ?", [schedule]).fetchone()
            return None if row is None else protocols.Firing(*row)

        return await self._database.call(job)

    async def advance(self, schedule: str, at: float, run_id: str | None = None) -> None:
        upsert = (
            "insert into schedule (name, at, run_id) values (?, ?, ?) on conflict (name) do update "
            "set at = excluded.at, run_id = excluded.run_id where at < excluded.at"
        )
        await self._database.call(lambda db: db.execute(upsert, (schedule, at, run_id)), durable=True)


class PostgresFirings:
    def __init__(self, database: postgres.Database) -> None:
        self._database = database

    async def time(self) -> float:
        rows = await self._database.fetch("select extract(epoch from clock_timestamp())::float8 as now")
        return float(rows[0]["now"])

    async def last(self, schedule: str) -> protocols.Firing | None:
        rows = await self._database.fetch("select at, run_id from turnstream.schedule where name = $1", schedule)
        return protocols.Firing(rows[0]["at"], rows[0]["run_id"]) if rows else None

    async def advance(self, schedule: str, at: float, run_id: str | None = None) -> None:
        upsert = (
            "insert into turnstream.schedule as s (name, at, run_id) values ($1, $2, $3) on conflict (name) do update "
            "set at = excluded.at, run_id = excluded.run_id where s.at < excluded.at"
        )
        await self._database.fetch(upsert, schedule, at, run_id)
