"""Keys in a PostgreSQL database, for any number of servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from turnstream.identity import keys, records
from turnstream.storage.postgres import Database

if TYPE_CHECKING:
    from typing import Self


class PostgresKeys:
    """``async with`` it."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, connections=1)

    async def __aenter__(self) -> Self:
        await self._database.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._database.__aexit__(kind, error, trace)

    async def version(self) -> object:
        rows = await self._database.fetch("select count(*), max(changed_at) from turnstream.api_key")
        return tuple(rows[0])

    async def read(self) -> Sequence[keys.Key]:
        return [record.as_key() for record, _ in await self.list_records() if record.revoked_at is None]

    async def list_records(self) -> Sequence[tuple[records.Record, float | None]]:
        rows = await self._database.fetch("select body, used_at from turnstream.api_key order by created_at, id")
        return [(msgspec.json.decode(row["body"], type=records.Record), row["used_at"]) for row in rows]

    async def add(self, record: records.Record) -> None:
        insert = (
            "insert into turnstream.api_key (id, hash, name, body, created_at, changed_at) "
            "values ($1, $2, $3, $4, $5, $5)"
        )
        body = msgspec.json.encode(record)
        await self._database.fetch(insert, record.id, record.hash, record.name, body, record.created_at)

    async def revoke(self, wanted: str, now: float) -> int:
        update = "update turnstream.api_key set body = $2, changed_at = $3 where id = $1"
        async with self._database.transaction() as db:
            select = "select body from turnstream.api_key where id = $1 or name = $1 for update"
            found = [msgspec.json.decode(row["body"], type=records.Record) for row in await db.fetch(select, wanted)]
            for record in (revoked := records.revoke(found, wanted, now)):
                await db.execute(update, record.id, msgspec.json.encode(record), now)
        return len(revoked)

    async def note_uses(self, uses: Mapping[str, float]) -> None:
        update = (
            "update turnstream.api_key set used_at = greatest(used_at, given.at) "
            "from unnest($1::text[], $2::float8[]) as given (id, at) where api_key.id = given.id"
        )
        await self._database.fetch(update, list(uses), list(uses.values()))
