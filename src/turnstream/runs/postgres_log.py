"""The logs of kept runs in PostgreSQL: reading them, and the one place that writes them.

Appends of all runs of a process that meet go into one statement. Whoever is missing from its answer is fenced, and the
others are stored. A statement whose answer was lost is simply said again: the same owner's append is stored once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg

from turnstream import errors, events, messages, protocols
from turnstream.runs import log
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
with a as (select * from unnest($1::text[], $2::bigint[], $3::int[], $4::uuid[], $5::bytea[], $6::text[], $7::bytea[],
  $8::text[]) as x(run_id, seq, count, owner, events, status, ending, notify)),
stored as ({_STORE}),
moved as (update turnstream.run set status = a.status, ending = a.ending from a join stored using (run_id, seq)
  where a.status is not null and run.id = a.run_id and run.status in {_OPEN}
  returning run.id, run.principal, a.status, a.seq + a.count - 1 as last, a.notify),
posted as ({outbox.POST} where moved.status = 'waiting')
select run_id, (select pg_notify($9, $10::text) where $10::text is not null),
  (select count(pg_notify($9, 'letter')::text) from posted) from stored"""
_APPEND = f"""
with a as (select $1::text as run_id, $2::bigint as seq, $3::int as count, $4::uuid as owner, $5::bytea as events)
{_STORE}"""
_POST = f"""
with moved as (select $1::text as id, $2::text as principal, $3::text as status, $4::bigint as last,
  $5::text as notify),
posted as ({outbox.POST})
select count(pg_notify($6, 'letter')::text) from posted"""
# A payload of NOTIFY has less than 8,000 bytes.
_MOST_NAMED = 150


class Append:
    """Some events of one run, at one place of its log. ``ends`` says that they end the run."""

    def __init__(
        self,
        new: protocols.NewRun,
        seq: int,
        owner: uuid.UUID,
        batch: Sequence[events.LogEvent],
        said: Sequence[messages.Message] = (),
    ) -> None:
        self.new, self.seq = new, seq
        self.status = log.status(batch)
        self.ends = self.status in log.ENDED
        self.stored: asyncio.Future[bool] | None = None
        self._said = said
        last = batch[-1]
        self._ending = codec.encode_ending(last) if isinstance(last, protocols.Ending) else None
        self._row = new.id, seq, len(batch), owner, codec.encode_events(batch)
        self._notify = json.dumps(new.notify)

    @property
    def row(self) -> tuple[Any, ...]:
        return (*self._row, self.status, self._ending, self._notify)

    async def store(self, db: Connection) -> bool:
        """In a transaction of its caller's. With the end of a run its thread gets the run's messages; if the same
        append was stored before, they are there already."""
        if await db.fetchrow(_APPEND, *self._row) is None:
            return False
        if self.status is None:
            return True
        update = (
            "update turnstream.run set status = $2, ending = $3, ended_at = case when $4 then clock_timestamp() end "
            f"where id = $1 and status in {_OPEN} returning id"
        )
        changed = await db.fetchrow(update, self.new.id, self.status, self._ending, self.ends)
        if changed and self.ends and (key := self.new.thread) is not None:
            length = await threads.append_messages(db, key, self._said, self.new.id)
            outputs = max(0, len(self._said) - len(self.new.said))
            await db.execute(
                "update turnstream.run set length = $2, outputs = $3 where id = $1", self.new.id, length, outputs
            )
        if changed and (self.ends or self.status == "waiting"):
            last = self.seq + self._row[2] - 1
            await db.execute(_POST, self.new.id, self.new.principal, self.status, last, self._notify, CHANNEL)
        return True


class LogWriter:
    """Stores what is appended in this process. ``run`` it as a task."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Append] = []
        self._something = asyncio.Event()
        self._alone: list[Append] = []
        self._watched: dict[str, float] = {}

    def watch(self, run_id: str, seconds: float) -> None:
        """Somebody elsewhere watches the run: notify of its appends for so long."""
        self._watched[run_id] = asyncio.get_running_loop().time() + seconds

    def unwatch(self, run_id: str) -> None:
        self._watched.pop(run_id, None)

    async def store(self, append: Append) -> bool:
        """Whether it is stored; False: it is fenced. As long as the database is away it is tried again."""
        if append.ends:
            return await self._end(append)
        append.stored = asyncio.get_running_loop().create_future()
        self._waiting.append(append)
        self._something.set()
        return await append.stored

    async def run(self) -> None:
        while True:
            await self._something.wait()
            if not (batch := self._next()):
                continue
            try:
                stored = await self._flush(batch)
            except (errors.StoreError, asyncpg.IntegrityConstraintViolationError):
                self._waiting = batch + self._waiting  # the database is away, or a run was deleted at this moment
                self._something.set()
                await asyncio.sleep(0.1)
                continue
            except asyncpg.PostgresError as error:  # one that will not pass: the run fails, and the others go on
                if len(batch) == 1:
                    _settle(batch[0], error)
                else:
                    self._alone = batch
                    self._something.set()
                continue
            for append in batch:
                _settle(append, append.new.id in stored)

    def _next(self) -> list[Append]:
        """One append of each run: two owners of one run may both be here. One alone, after a statement that failed."""
        if self._alone:
            return [self._alone.pop()]
        batch: dict[str, Append] = {}
        later: list[Append] = []
        for append in self._waiting:
            if append.new.id in batch:
                later.append(append)
            else:
                batch[append.new.id] = append
        self._waiting = later
        if not later:
            self._something.clear()
        return list(batch.values())

    async def _flush(self, batch: Sequence[Append]) -> set[str]:
        columns = list(zip(*(append.row for append in batch), strict=True))
        named = self._payload(append.new.id for append in batch)
        return {row["run_id"] for row in await self._database.fetch(_FLUSH, *columns, CHANNEL, named)}

    async def _end(self, append: Append) -> bool:
        while True:
            try:
                async with self._database.transaction() as db:
                    stored = await append.store(db)
                    if payload := self._payload([append.new.id]):
                        await db.execute("select pg_notify($1, $2)", CHANNEL, payload)
                    return stored
            except errors.StoreError:
                await asyncio.sleep(0.1)

    def _payload(self, run_ids: Any) -> str | None:
        now = asyncio.get_running_loop().time()
        watched = [run_id for run_id in run_ids if self._watched.get(run_id, 0.0) > now]
        if not watched:
            return None
        return " ".join(["log", *watched[:_MOST_NAMED]])


def _settle(append: Append, result: bool | BaseException) -> None:
    if append.stored is None or append.stored.done():
        return
    if isinstance(result, BaseException):
        append.stored.set_exception(result)
    else:
        append.stored.set_result(result)


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
