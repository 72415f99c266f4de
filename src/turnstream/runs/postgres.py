"""Kept runs in PostgreSQL, for any number of processes.

Who may write a log is decided by its primary key alone: two owners cannot both write at one place. The queue (pgmq)
decides only *when* somebody takes a run over: a message is hidden while its owner renews it, and seen again a lease
after its owner's last breath. A queue that is mistaken costs a needless takeover, and never an event.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import astuple, replace

from turnstream import errors, events, protocols
from turnstream.runs import appends, feeds, rules
from turnstream.runs.appends import Append
from turnstream.runs.postgres_log import LogWriter, read_log, store
from turnstream.runs.postgres_others import TELL, OtherLogs, within
from turnstream.runs.postgres_queue import SEND, Queue
from turnstream.storage import codec
from turnstream.storage.postgres import CHANNEL, Connection, Database, Row
from turnstream.threads import postgres as threads

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")
logger = logging.getLogger(__name__)

_OPEN = "status in ('queued', 'running', 'waiting')"
# Seconds for which an owner remembers that one of its logs is watched elsewhere: longer than until that is said again.
_WATCH_FOR = 75.0


class Claim(appends.Owner):
    """See `protocols.Claim`. ``reads`` is the queue's count of deliveries: another count, and the run is another's."""

    def __init__(self, runs: Runs, message: int, reads: int, new: protocols.NewRun) -> None:
        super().__init__(new, max(reads, 1), uuid.uuid4(), runs.writer, runs.feeds)
        self.message, self.reads = message, reads
        self._runs = runs

    async def log(self) -> protocols.NumberedEvents:
        return self._know(await self._runs.persistently(lambda: read_log(self._runs.database, self.new.id, 0)))

    def lose(self) -> None:
        super().lose()
        self._runs.forget(self)

    async def release(self) -> None:
        self._over = True
        if self._runs.forget(self):
            await self._runs.persistently(lambda: self._runs.queue.delete(self.message))

    async def give_back(self) -> None:
        self._over = True
        if self._runs.forget(self):
            await self._runs.queue.show([self.message])


class Runs:
    """See `protocols.Runs`. The database belongs to whoever opened it.

    ``lease`` is how long, in whole seconds, a silent owner keeps its runs. ``poll`` is how long, in seconds, a
    notification that was not heard may delay anything.
    """

    def __init__(
        self, database: Database, limits: rules.Limits | None = None, *, lease: int = 6, poll: float = 1.0
    ) -> None:
        self.database = database
        self.limits = limits or rules.Limits()
        self.writer = LogWriter(database)
        self.queue = Queue(database, lease)
        self.feeds = feeds.Feeds(self._read_log, self._log_state)
        self._lease = lease
        self._poll = poll
        self._claims: dict[str, Claim] = {}
        self._wake = asyncio.Event()
        self._others = OtherLogs(database, self.feeds, self._claims, self._poll)
        self._tasks: list[asyncio.Task[None]] = []
        self._left = False

    async def __aenter__(self) -> Self:
        if self.database.pooled:  # nothing is told
            self._poll = self._others.poll = min(self._poll, 0.1)
        self.database.listen(self._hear, self._wake_all)
        loops = self.writer.run, self._beat, self._others.follow
        self._tasks = [asyncio.create_task(loop()) for loop in loops]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self.writer.close()

    async def submit(
        self, new: protocols.NewRun, *, here: bool = False, start: events.RunStarted | None = None
    ) -> Claim | protocols.Submitted:
        here = here and not self._left and len(self._claims) < self.limits.slots
        async with self.database.transaction() as db:
            submitted, others = await self._insert(db, new)
            if not submitted.created:
                return submitted
            here = here and not any(other["status"] != "waiting" for other in others)
            message = await db.fetchval(SEND, new.id, rules.group(new), self._lease if here else 0)
            if not here:
                await db.execute(TELL, CHANNEL, "new")
        if new.policy == "interrupt":
            for other in others:
                await self.cancel(new.principal, other["id"])
        if not here:
            return submitted
        claim = self._claims[new.id] = Claim(self, message, 0, new)
        return claim

    async def claims(self) -> AsyncGenerator[Claim]:
        while True:
            self._wake.clear()
            free = 0 if self._left else self.limits.slots - len(self._claims)
            rows: list[Row] = []
            with suppress(errors.StoreError):
                rows = await self.queue.read(free)
            taken = [(run, await self._take(message, run)) for message, run in rows]
            for run, claim in taken:
                if claim is not None and not await self._settle(claim, run):
                    yield claim
            if not rows:
                await within(self._wake, self._poll)

    def tail(self, run_id: str, after: int = 0) -> feeds.Tail:
        self._others.news.set()
        return self.feeds.tail(run_id, after)

    async def get(self, principal: str, run_id: str, agent: str | None = None) -> protocols.RunState | None:
        return await threads.find_run(self.database, principal, run_id, agent)

    async def log(self, run_id: str) -> protocols.NumberedEvents:
        return await read_log(self.database, run_id, 0)

    async def check(self, run_id: str, after: int) -> None:
        await self.feeds.check(run_id, after)

    async def show(self, run_id: str, shown: bytes) -> None:
        await self.database.fetch("update turnstream.run set shown = $2 where id = $1 returning id", run_id, shown)

    async def recent(
        self,
        principal: str | None,
        agent: str | None = None,
        *,
        thread: str | None = None,
        before: str | None = None,
        limit: int = 20,
    ) -> list[protocols.RunState]:
        whose = "$1::text is null" if principal is None else "principal = $1"
        select = f"""select {threads.RUN_COLUMNS} from turnstream.run where {whose}
            and ($2::text is null or agent = $2) and ($3::text is null or thread = $3)
            and ($4::text is null or (created_at, id) <
                 (select created_at, id from turnstream.run where {whose} and id = $4))
            order by turnstream.run.created_at desc, id desc limit $5"""
        rows = await self.database.fetch(select, principal, agent, thread, before, limit)
        return [threads.run_state(row) for row in rows]

    async def cancel(self, principal: str, run_id: str) -> bool:
        async with self.database.transaction() as db:
            select = f"select status, request from turnstream.run where principal = $1 and id = $2 and {_OPEN}"
            if (row := await db.fetchrow(select, principal, run_id)) is None:
                return False
            new = codec.decode_new_run(row["request"])
            if row["status"] == "running" or not await self._end_without_owner(db, new):
                await db.execute("update turnstream.run set wanted = 'cancel' where id = $1", run_id)
                await db.execute(TELL, CHANNEL, f"cancel {run_id}")
        self._others.news.set()
        return True

    async def answer(self, principal: str, run_id: str, answered: events.RunAnswered) -> bool:
        while (stored := await self._answer(principal, run_id, answered)) is None:
            pass  # another answer was faster: this one may be about another call
        return stored

    async def _answer(self, principal: str, run_id: str, answered: events.RunAnswered) -> bool | None:
        """None if somebody else wrote at this place of the log."""
        async with self.database.transaction() as db:
            select = "select request from turnstream.run where principal = $1 and id = $2 and status = 'waiting'"
            if (row := await db.fetchrow(select, principal, run_id)) is None:
                return False
            new = codec.decode_new_run(row["request"])
            end, last = (await read_log(db, run_id, 0))[-1]
            batch = rules.answer(last if isinstance(last, events.RunWaiting) else None, answered)
            if batch is None:
                return False
            if not await store(db, Append(new, end + 1, uuid.uuid4(), batch)):
                return None
            if len(batch) == 1:
                await db.execute(SEND, run_id, rules.group(new), 0)
                await db.execute(TELL, CHANNEL, "new")
            await db.execute(TELL, CHANNEL, f"log {run_id}")
        self._others.news.set()
        return True

    async def keep(self, new: protocols.NewRun, batch: Sequence[events.LogEvent]) -> None:
        async with self.database.transaction() as db:
            await self._insert(db, new)
            await store(db, Append(new, 1, uuid.uuid4(), batch))

    async def find_waiting(self, principal: str | None = None, limit: int = 1000) -> list[protocols.RunState]:
        select = f"""select {threads.RUN_COLUMNS} from turnstream.run where status = 'waiting'
            and ($1::text is null or principal = $1) order by turnstream.run.created_at desc, id desc limit $2"""
        return [threads.run_state(row) for row in await self.database.fetch(select, principal, limit)]

    async def count_waiting(self) -> int:
        rows = await self.database.fetch("select count(*) from turnstream.run where status = 'waiting'")
        return int(rows[0]["count"])

    async def find_asking(self, code: str) -> list[protocols.RunState]:
        select = f"""select {threads.RUN_COLUMNS} from turnstream.run
            where id in (select run_id from turnstream.question where code = $1) and status = 'waiting'"""
        return [threads.run_state(row) for row in await self.database.fetch(select, code)]

    async def secret(self, name: str) -> bytes:
        insert = "insert into turnstream.secret (name, value) values ($1, $2) on conflict do nothing returning value"
        await self.database.fetch(insert, name, secrets.token_bytes(32))
        rows = await self.database.fetch("select value from turnstream.secret where name = $1", name)
        return bytes(rows[0]["value"])

    async def request(self, run_id: str) -> protocols.NewRun | None:
        select = "select request from turnstream.run where id = $1 and kept"
        rows = await self.database.fetch(select, run_id)
        return codec.decode_new_run(rows[0]["request"]) if rows else None

    async def delete(self, principal: str, run_id: str) -> bool:
        delete = "delete from turnstream.run where principal = $1 and id = $2 returning id"
        return bool(await self.database.fetch(delete, principal, run_id))

    async def expire(self, older_than: float) -> int:
        forget_keys = (
            "update turnstream.run set key = null "
            "where key is not null and created_at < now() - make_interval(secs => $1)"
        )
        await self.database.fetch(forget_keys, rules.KEY_LIFETIME)
        some = """delete from turnstream.run_event where ctid = any(array(
            select e.ctid from turnstream.run_event e join turnstream.run r on r.id = e.run_id
            where r.ended_at < now() - make_interval(secs => $1) limit 10000)) returning 1"""
        deleted = 0
        while rows := await self.database.fetch(some, older_than):
            deleted += len(rows)
        return deleted

    async def leave(self) -> None:
        self._left = True
        claims = list(self._claims.values())
        self._claims.clear()
        if claims:
            await self.queue.show([claim.message for claim in claims])

    # ---------------------------------------------------------------------------------------------- what claims call

    def forget(self, claim: Claim) -> bool:
        """The claim is over. False if it was before."""
        if self._claims.get(claim.new.id) is not claim:
            return False
        del self._claims[claim.new.id]
        self.writer.unwatch(claim.new.id)
        self._wake.set()
        return True

    async def persistently(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the call gives, once the database is there."""
        while True:
            try:
                return await call()
            except errors.StoreError:
                await asyncio.sleep(0.25)

    # -------------------------------------------------------------------------------------------------------- inside

    async def _insert(self, db: Connection, new: protocols.NewRun) -> tuple[protocols.Submitted, list[Row]]:
        """The run, or the one that its key stands for; and the open runs of its thread. The lock comes first, in a
        statement of its own: those behind it then see what others have committed."""
        if new.thread is not None:
            await threads.begin_thread(db, new.thread)
        insert = (
            "insert into turnstream.run (id, principal, agent, thread, key, kept, background, request, dialect, body, "
            "status) values ($1, $2, $3, $4, $5, true, $6, $7, $8, $9, 'queued') "
            "on conflict (principal, key) do nothing returning id"
        )
        request = codec.encode_new_run(replace(new, body=b"", pushes=()))
        columns = new.id, new.principal, new.agent, new.request.thread_id, new.key, new.background, request
        if await db.fetchval(insert, *columns, new.dialect, new.body) is None:
            select = "select id from turnstream.run where principal = $1 and key = $2"
            return protocols.Submitted(await db.fetchval(select, new.principal, new.key), created=False), []
        for push in new.pushes:
            insert = "insert into turnstream.push (run_id, id, config) values ($1, $2, $3)"
            await db.execute(insert, new.id, push.id, push.config)
        count = (
            "select (select count(*) from turnstream.run where status = 'queued') as queued, "
            f"(select count(*) from turnstream.run where principal = $1 and {_OPEN}) as open"
        )
        counts = await db.fetchrow(count, new.principal)
        self.limits.check(counts["queued"] - 1, counts["open"] - 1)
        if new.thread is None:
            return protocols.Submitted(new.id), []
        select = (
            "select id, status from turnstream.run where principal = $1 and agent = $2 and thread = $3 and id <> $4 "
            f"and {_OPEN}"
        )
        others = await db.fetch(select, *astuple(new.thread), new.id)
        if others and new.policy == "reject":
            raise rules.busy(new.thread.id)
        return protocols.Submitted(new.id), others

    async def _take(self, message: Row, row: Row | None) -> Claim | None:
        if row is None:  # deleted meanwhile
            with suppress(errors.StoreError):
                await self.queue.delete(message["msg_id"])
            return None
        new = replace(codec.decode_new_run(row["request"]), body=row["body"])
        if (before := self._claims.get(new.id)) is not None:
            before.lost.set()  # this process slept past its own lease
        claim = self._claims[new.id] = Claim(self, message["msg_id"], message["read_ct"], new)
        return claim

    async def _settle(self, claim: Claim, row: Row) -> bool:
        try:
            return await rules.settle(claim, row["status"], cancel=row["wanted"] == "cancel")
        except protocols.FencedError:
            return True

    async def _end_without_owner(self, db: Connection, new: protocols.NewRun) -> bool:
        """Cancel a run that nobody executes. False if somebody has just begun to; otherwise it is they who find their
        place in the log taken. The event comes before the run's status, as in every append: no two of them can wait
        for each other."""
        numbered = await read_log(db, new.id, 0)
        end, said = rules.make_cancellation(new, numbered)
        append = Append(new, 1 + (numbered[-1][0] if numbered else 0), uuid.uuid4(), [end], said)
        stored = await store(db, append)
        await db.execute(TELL, CHANNEL, f"log {new.id}")
        return stored

    async def _beat(self) -> None:
        """Renew all leases of this process in one statement, which also says what became of them."""
        while True:
            await asyncio.sleep(self._lease / 3)
            claims = {claim.message: claim for claim in self._claims.values()}
            if not claims:
                continue
            try:
                rows = await self.queue.renew(list(claims))
            except errors.StoreError:
                continue
            found = {row["msg_id"]: row for row in rows}
            for message, claim in claims.items():
                row = found.get(message)
                if row is None or row["read_ct"] != claim.reads or row["deleted"]:
                    if self.forget(claim):
                        logger.warning("run %s is another process's by now", claim.new.id)
                        claim.lost.set()
                elif row["wanted"] == "cancel":
                    claim.cancelled.set()

    def _hear(self, payload: str) -> None:
        kind, *ids = payload.split(" ")
        match kind:
            case "new":
                self._wake.set()
            case "cancel":
                for claim in filter(None, map(self._claims.get, ids)):
                    claim.cancelled.set()
            case "watch":
                for claim in filter(None, map(self._claims.get, ids)):
                    self.writer.watch(claim.new.id, _WATCH_FOR)
            case "log" if any(run_id in self.feeds.watched for run_id in ids):
                self._others.news.set()
            case _:
                pass

    def _wake_all(self) -> None:
        self._wake.set()
        self._others.news.set()

    async def _read_log(self, run_id: str, after: int) -> protocols.NumberedEvents:
        return await read_log(self.database, run_id, after, 200)

    async def _log_state(self, run_id: str) -> feeds.LogState | None:
        select = """select status, (select coalesce(max(seq + count - 1), 0) from turnstream.run_event
            where run_id = $1) as log_end from turnstream.run where id = $1 and kept"""
        rows = await self.database.fetch(select, run_id)
        return feeds.LogState(rows[0]["status"], rows[0]["log_end"]) if rows else None
