"""Whom clients want to be told of their runs: `protocols.Pushes` in both stores."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from turnstream import requests
from turnstream.storage import sqlite

if TYPE_CHECKING:
    from turnstream.storage import postgres  # its driver comes with an extra

UPSERT = "insert into push (run_id, id, config) values (?, ?, ?) on conflict do update set config = excluded.config"
_POSTGRES_UPSERT = (
    "insert into turnstream.push (run_id, id, config) select id, $2, $3 from turnstream.run where id = $1 "
    "on conflict (run_id, id) do update set config = excluded.config returning id"
)


class SqlitePushes:
    def __init__(self, database: sqlite.Database) -> None:
        self._database = database

    async def put(self, run_id: str, push: requests.Push) -> bool:
        def job(db: sqlite3.Connection) -> bool:
            if db.execute("select 1 from run where id = ?", [run_id]).fetchone() is None:
                return False
            db.execute(UPSERT, (run_id, push.id, push.config))
            return True

        return await self._database.call(job, durable=True)

    async def list(self, run_id: str) -> list[requests.Push]:
        select = "select id, config from push where run_id = ? order by id"
        return await self._database.call(lambda db: [requests.Push(*row) for row in db.execute(select, [run_id])])

    async def remove(self, run_id: str, id: str) -> None:
        delete = "delete from push where run_id = ? and id = ?"
        await self._database.call(lambda db: db.execute(delete, (run_id, id)), durable=True)


class PostgresPushes:
    def __init__(self, database: postgres.Database) -> None:
        self._database = database

    async def put(self, run_id: str, push: requests.Push) -> bool:
        return bool(await self._database.fetch(_POSTGRES_UPSERT, run_id, push.id, push.config))

    async def list(self, run_id: str) -> list[requests.Push]:
        select = "select id, config from turnstream.push where run_id = $1 order by id"
        return [requests.Push(row["id"], row["config"]) for row in await self._database.fetch(select, run_id)]

    async def remove(self, run_id: str, id: str) -> None:
        await self._database.fetch("delete from turnstream.push where run_id = $1 and id = $2", run_id, id)
