"""Threads in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import astuple

from turnstream import jsontext, messages, protocols
from turnstream.storage import codec
from turnstream.storage.postgres import Connection, Database, Row

RUN_COLUMNS = (
    "id, principal, agent, thread, status, extract(epoch from created_at)::float8 as created_at, "
    "extract(epoch from ended_at)::float8 as ended_at, ending, length, background, dialect, body, shown, outputs"
)
_OF_KEY = "principal = $1 and agent = $2 and id = $3"
_OF_THREAD = "principal = $1 and agent = $2 and thread = $3"
_THREAD = (
    "select principal, agent, id, title, length, extract(epoch from created_at)::float8 as created_at, "
    "extract(epoch from updated_at)::float8 as updated_at, metadata from turnstream.thread"
)


class Threads:
    """See `protocols.Threads`. The database belongs to whoever opened it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: protocols.ThreadKey) -> protocols.Thread | None:
        rows = await self._database.fetch(f"{_THREAD} where {_OF_KEY}", *astuple(key))
        return _thread(rows[0]) if rows else None

    async def read(
        self, key: protocols.ThreadKey, *, after: int = 0, limit: int | None = None
    ) -> list[messages.Message]:
        select = f"select body from turnstream.message where {_OF_THREAD} and n >= $4 order by n limit $5"
        rows = await self._database.fetch(select, *astuple(key), after, limit)
        return [codec.decode_message(row["body"]) for row in rows]

    async def append(
        self,
        key: protocols.ThreadKey,
        new: Sequence[messages.Message],
        *,
        at: int | None = None,
        run: protocols.RunState | None = None,
    ) -> int:
        async with self._database.transaction() as db:
            if at is not None and await begin_thread(db, key) != at:
                raise protocols.MovedError
            length = await append_messages(db, key, new, None if run is None else run.id)
            if run is not None:
                await _insert_run(db, run, length)
            return length

    async def run(self, principal: str, agent: str, run_id: str) -> protocols.RunState | None:
        return await find_run(self._database, principal, run_id, agent)

    async def recent(
        self, principal: str, agent: str | None = None, *, before: str | None = None, limit: int = 20
    ) -> list[protocols.Thread]:
        select = f"""{_THREAD} where principal = $1 and ($2::text is null or agent = $2)
            and ($3::text is null or (updated_at, id) < (select updated_at, id from turnstream.thread
                 where principal = $1 and id = $3 and ($2::text is null or agent = $2)))
            order by turnstream.thread.updated_at desc, id desc limit $4"""
        return [_thread(row) for row in await self._database.fetch(select, principal, agent, before, limit)]

    async def runs(
        self, principal: str, query: protocols.RunQuery, *, behind: protocols.Place | None = None, limit: int = 20
    ) -> tuple[list[protocols.RunState], int]:
        run = "turnstream.run"
        changed = f"extract(epoch from coalesce({run}.ended_at, {run}.created_at))::float8"
        where = f"""principal = $1 and ($2::text is null or agent = $2) and ($3::text is null or dialect = $3)
            and ($4::text is null or thread = $4) and (cardinality($5::text[]) = 0 or status = any($5))
            and ($6::float8 is null or {changed} >= $6)"""
        given = (principal, query.agent, query.dialect, query.thread, list(query.statuses), query.since)
        counted = await self._database.fetch(f"select count(*) as total from turnstream.run where {where}", *given)
        select = f"""select {RUN_COLUMNS} from turnstream.run where {where}
            and ($7::float8 is null or ({changed}, id) < ($7, $8::text))
            order by {changed} desc, id desc limit $9"""
        rows = await self._database.fetch(select, *given, *(behind or (None, None)), limit)
        return [run_state(row) for row in rows], counted[0]["total"]

    async def rename(self, key: protocols.ThreadKey, title: str | None) -> bool:
        update = f"update turnstream.thread set title = $4 where {_OF_KEY} returning id"
        return bool(await self._database.fetch(update, *astuple(key), title))

    async def annotate(self, key: protocols.ThreadKey, metadata: Mapping[str, str]) -> bool:
        update = f"update turnstream.thread set metadata = $4 where {_OF_KEY} returning id"
        return bool(await self._database.fetch(update, *astuple(key), jsontext.encode(dict(metadata)).decode()))

    async def replace(self, key: protocols.ThreadKey, n: int, message: messages.Message) -> bool:
        update = f"update turnstream.message set body = $5 where {_OF_THREAD} and n = $4 returning n"
        return bool(await self._database.fetch(update, *astuple(key), n, codec.encode_message(message)))

    async def fork(self, key: protocols.ThreadKey, length: int, id: str) -> protocols.Thread | None:
        async with self._database.transaction() as db:
            found = await db.fetchrow(f"{_THREAD} where {_OF_KEY} for share", *astuple(key))
            if found is None or found["length"] < length:
                return None
            fork = protocols.ThreadKey(key.principal, key.agent, id)
            if await begin_thread(db, fork):
                raise protocols.MovedError
            await db.execute(
                "insert into turnstream.message (principal, agent, thread, n, run_id, body, at) select principal, "
                f"agent, $4, n, run_id, body, at from turnstream.message where {_OF_THREAD} and n < $5",
                *astuple(key),
                id,
                length,
            )
            update = f"update turnstream.thread set length = $4, title = $5 where {_OF_KEY}"
            await db.execute(update, *astuple(fork), length, found["title"])
            return _thread(await db.fetchrow(f"{_THREAD} where {_OF_KEY}", *astuple(fork)))

    async def rewind(self, key: protocols.ThreadKey, length: int) -> bool:
        async with self._database.transaction() as db:
            update = (
                "update turnstream.thread set length = $4, updated_at = clock_timestamp() "
                f"where {_OF_KEY} and length >= $4 returning id"
            )
            if await db.fetchrow(update, *astuple(key), length) is None:
                return False
            await db.execute(f"delete from turnstream.message where {_OF_THREAD} and n >= $4", *astuple(key), length)
            return True

    async def delete(self, key: protocols.ThreadKey) -> bool:
        delete = f"delete from turnstream.thread where {_OF_KEY} returning id"
        return bool(await self._database.fetch(delete, *astuple(key)))

    async def erase(self, principal: str) -> int:
        async with self._database.transaction() as db:
            runs = await db.fetch("delete from turnstream.run where principal = $1 returning id", principal)
            threads = await db.fetch("delete from turnstream.thread where principal = $1 returning id", principal)
            return len(runs) + len(threads)


async def append_messages(
    db: Connection, key: protocols.ThreadKey, new: Sequence[messages.Message], run_id: str | None
) -> int:
    """Add them at the end of the thread, which may begin with them; its new length."""
    length = await begin_thread(db, key)
    await db.execute(
        "insert into turnstream.message (principal, agent, thread, n, run_id, body) "
        "select $1, $2, $3, $4 + n - 1, $5, body from unnest($6::bytea[]) with ordinality as x(body, n)",
        *astuple(key),
        length,
        run_id,
        [codec.encode_message(each) for each in new],
    )
    update = f"update turnstream.thread set length = $4, updated_at = clock_timestamp() where {_OF_KEY}"
    await db.execute(update, *astuple(key), length + len(new))
    return length + len(new)


async def begin_thread(db: Connection, key: protocols.ThreadKey) -> int:
    """Lock the thread, until the transaction ends. Its length, 0 if it begins now."""
    insert = "insert into turnstream.thread (principal, agent, id) values ($1, $2, $3) on conflict do nothing"
    await db.execute(insert, *astuple(key))
    select = f"select length from turnstream.thread where {_OF_KEY} for update"
    return int(await db.fetchval(select, *astuple(key)))


async def find_run(database: Database, principal: str, run_id: str, agent: str | None) -> protocols.RunState | None:
    of_agent = "principal = $1 and id = $2 and ($3::text is null or agent = $3)"
    rows = await database.fetch(f"select {RUN_COLUMNS} from turnstream.run where {of_agent}", principal, run_id, agent)
    return run_state(rows[0]) if rows else None


def run_state(row: Row) -> protocols.RunState:
    """From a row of `RUN_COLUMNS`."""
    values = dict(row)
    if values["ending"] is not None:
        values["ending"] = codec.decode_ending(values["ending"])
    return protocols.RunState(**values)


async def _insert_run(db: Connection, run: protocols.RunState, length: int) -> None:
    await db.execute(
        "insert into turnstream.run (id, principal, agent, thread, kept, status, created_at, ended_at, ending, length, "
        "background, dialect, body, shown, outputs) values ($1, $2, $3, $4, false, $5, to_timestamp($6), "
        "clock_timestamp(), $7, $8, $9, $10, $11, $12, $13)",
        run.id,
        run.principal,
        run.agent,
        run.thread,
        run.status,
        run.created_at,
        None if run.ending is None else codec.encode_ending(run.ending),
        length,
        run.background,
        run.dialect,
        run.body,
        run.shown,
        run.outputs,
    )


def _thread(row: Row) -> protocols.Thread:
    principal, agent, id, title, length, created, updated, metadata = row
    key, noted = protocols.ThreadKey(principal, agent, id), msgspec.json.decode(metadata)
    return protocols.Thread(key, title, length, created, updated, noted)
