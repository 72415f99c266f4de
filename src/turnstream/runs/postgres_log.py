"""The logs of kept runs in PostgreSQL: reading them, and the one place that writes them.

Appends of all runs of a process that meet go into one statement. Whoever is missing from its answer is fenced, and the
others are stored. A statement whose answer was lost is simply said again: the same owner's append is stored once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any, TypeAlias

import asyncpg

from turnstream import errors, protocols
from turnstream.runs.appends import Append, Owner, Settle
from turnstream.storage import codec, outbox
from turnstream.storage.postgres import CHANNEL, Connection, Database
from turnstream.threads import postgres as threads

logger = logging.getLogger(__name__)

_OPEN = "('queued', 'running', 'waiting')"
_STORE = """
insert into turnstream.run_event (run_id, seq, count, owner, events)
select a.run_id, a.seq, a.count, a.owner, a.events from a
where exists (select from turnstream.run where run.id = a.run_id)
on conflict (run_id, seq) do update set count = run_event.count where run_event.owner = excluded.owner
returning run_id, seq"""
_FLUSH = f"""
with a as (select * from unnest($1::text[], $2::bigint[], $3::int[], $4::uuid[], $5::bytea[], $6::text[])
  as x(run_id, seq, count, owner, events, status)),
stored as ({_STORE}),
moved as (update turnstream.run set status = a.status, ending = null from a join stored using (run_id, seq)
  where a.status is not null and run.id = a.run_id and run.status in {_OPEN})
select run_id, (select pg_notify($7, $8::text) where $8::text is not null) from stored"""
_APPEND = f"""
with a as (select $1::text as run_id, $2::bigint as seq, $3::int as count, $4::uuid as owner, $5::bytea as events)
{_STORE}"""
_POST = f"""
with moved as (select $1::text as id, $2::text as principal, $3::text as status, $4::bigint as last,
  $5::text as notify),
posted as ({outbox.POST})
select count(pg_notify($6, 'letter')::text) from posted"""
_Written: TypeAlias = tuple[Append, Settle]
# A payload of NOTIFY has less than 8,000 bytes.
_MOST_NAMED = 150


async def store(db: Connection, append: Append) -> bool:
    """In a transaction of its caller's. With the end of a run its thread gets the run's messages; if the same append
    was stored before, they are there already."""
    new, status = append.new, append.status
    if await db.fetchrow(_APPEND, *append.row) is None:
        return False
    if status is None:
        return True
    update = (
        "update turnstream.run set status = $2, ending = $3, ended_at = case when $4 then clock_timestamp() end "
        f"where id = $1 and status in {_OPEN} returning id"
    )
    changed = await db.fetchrow(update, new.id, status, append.ending, append.ends)
    await db.execute("delete from turnstream.question where run_id = $1", new.id)
    if changed and append.codes:
        ask = "insert into turnstream.question (code, run_id) select unnest($2::text[]), $1"
        await db.execute(ask, new.id, append.codes)
    if changed and append.ends and (key := new.thread) is not None:
        length = await threads.append_messages(db, key, append.said, new.id)
        update = "update turnstream.run set length = $2, outputs = $3 where id = $1"
        await db.execute(update, new.id, length, append.outputs)
    if changed and append.posts:
        await db.execute(_POST, new.id, new.principal, status, append.last, json.dumps(new.notify), CHANNEL)
    return True


class LogWriter:
    """Stores what is appended in this process. ``run`` it as a task."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Written] = []
        self._something = asyncio.Event()
        self._alone: list[_Written] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._watched: dict[str, float] = {}

    def watch(self, run_id: str, seconds: float) -> None:
        """Somebody elsewhere watches the run: notify of its appends for so long."""
        self._watched[run_id] = asyncio.get_running_loop().time() + seconds

    def unwatch(self, run_id: str) -> None:
        self._watched.pop(run_id, None)

    def write(self, append: Append, settle: Settle) -> None:
        if append.posts:  # it changes more than the log
            task = asyncio.create_task(self._end(append, settle))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        self._waiting.append((append, settle))
        self._something.set()

    def write_plain(self, entry: codec.Appended, owner: Owner, tell: protocols.TellStored) -> None:
        self.write(Append(owner.new, *entry[1:], (), tell), owner.settle)

    async def run(self) -> None:
        while True:
            await self._something.wait()
            if not (batch := self._next()):
                continue
            try:
                stored = await self._flush([append for append, _ in batch])
            except (errors.StoreError, asyncpg.IntegrityConstraintViolationError):
                self._waiting = batch + self._waiting  # the database is away, or a run was deleted at this moment
                self._something.set()
                await asyncio.sleep(0.1)
                continue
            except asyncpg.PostgresError as error:  # one that will not pass: the run fails, and the others go on
                if len(batch) == 1:
                    append, settle = batch[0]
                    settle(append, error)
                else:
                    self._alone = batch
                    self._something.set()
                continue
            for append, settle in batch:
                settle(append, append.new.id in stored)

    def _next(self) -> list[_Written]:
        """One append of each run: two owners of one run may both be here. One alone, after a statement that failed."""
        if self._alone:
            return [self._alone.pop()]
        batch: dict[str, _Written] = {}
        later: list[_Written] = []
        for written in self._waiting:
            run_id = written[0].new.id
            if run_id in batch:
                later.append(written)
            else:
                batch[run_id] = written
        self._waiting = later
        if not later:
            self._something.clear()
        return list(batch.values())

    async def _flush(self, batch: Sequence[Append]) -> set[str]:
        columns = list(zip(*(_row(append) for append in batch), strict=True))
        named = self._payload(append.new.id for append in batch)
        return {row["run_id"] for row in await self._database.fetch(_FLUSH, *columns, CHANNEL, named)}

    async def _end(self, append: Append, settle: Settle) -> None:
        stored: bool | BaseException
        while True:
            try:
                async with self._database.transaction() as db:
                    stored = await store(db, append)
                    if payload := self._payload([append.new.id]):
                        await db.execute("select pg_notify($1, $2)", CHANNEL, payload)
                break
            except errors.StoreError:
                await asyncio.sleep(0.1)
            except Exception as error:
                stored = error
                break
        settle(append, stored)

    async def close(self) -> None:
        """What the database has refused until now is not tried again."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _payload(self, run_ids: Any) -> str | None:
        now = asyncio.get_running_loop().time()
        watched = [run_id for run_id in run_ids if self._watched.get(run_id, 0.0) > now]
        if not watched:
            return None
        return " ".join(["log", *watched[:_MOST_NAMED]])


def _row(append: Append) -> tuple[Any, ...]:
    return (*append.row, append.status)


async def read_log(
    database: Database | Connection, run_id: str, after: int, limit: int | None = None
) -> protocols.NumberedEvents:
    """The events behind ``after``, of at most so many appends."""
    select = """select seq, events from turnstream.run_event where run_id = $1 and seq >=
        coalesce((select max(seq) from turnstream.run_event where run_id = $1 and seq <= $2 + 1), 1)
        order by seq limit $3"""
    rows = await database.fetch(select, run_id, after, limit)
    numbered = [each for row in rows for each in codec.decode_events(row["seq"], row["events"])]
    return [each for each in numbered if each[0] > after]
