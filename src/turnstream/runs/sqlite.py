"""Kept runs in a SQLite file, for one process.

The file belongs to this process alone, so there is no lease: at its start every run that has not ended is its own. The
queue is in memory, and the file says after a restart what was in it.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import astuple, replace

from turnstream import events, protocols
from turnstream.runs import appends, feeds, rules, sqlite_log
from turnstream.runs.local_queue import LocalQueue
from turnstream.storage import codec, pushes
from turnstream.storage.sqlite import Database
from turnstream.threads import sqlite as threads

if TYPE_CHECKING:
    from typing import Self


class _Taken(NamedTuple):
    new: protocols.NewRun
    status: protocols.Status
    claims: int
    wanted: str | None


class Claim(appends.Owner):
    """See `protocols.Claim`."""

    __slots__ = ("_runs", "_start", "group")

    def __init__(self, runs: Runs, group: str, taken: _Taken) -> None:
        super().__init__(taken.new, taken.claims, os.urandom(16).hex(), runs.writer, runs.feeds)
        self.group = group
        self._runs = runs
        self._start: events.RunStarted | None = None

    def first_append(self, start: events.RunStarted) -> appends.Append:
        """What the log begins with, to be stored with the run itself."""
        return appends.Append(self.new, 1, self._owner, [start])

    def begin(self, start: events.RunStarted) -> None:
        """It is stored."""
        self.begun, self._start, self._first.stored = True, start, True
        self._know([(1, start)])

    @property
    def beginning(self) -> protocols.NumberedEvents:
        """The whole log, while it is nothing but that."""
        return [] if self._start is None or self._end > 1 else [(1, self._start)]

    async def log(self) -> protocols.NumberedEvents:
        if beginning := self.beginning:
            return beginning
        return self._know(await self._runs.read(self.new.id, 0, whole=True))

    def lose(self) -> None:
        super().lose()
        self._runs.forget(self)

    async def release(self) -> None:
        self._over = True
        self._runs.forget(self)

    async def give_back(self) -> None:
        self._over = True
        self._runs.forget(self, give_back=True)


class Runs:
    """See `protocols.Runs`. The database belongs to whoever opened it."""

    def __init__(self, database: Database, limits: rules.Limits | None = None) -> None:
        self.database = database
        self.limits = limits or rules.Limits()
        self.feeds = feeds.Feeds(self.read, self._log_state)
        self._log = sqlite_log.Log(database)
        self.empty_journal = self._log.empty_journal
        self.writer = sqlite_log.LogWriter(database, self._log)
        self._queue = LocalQueue()
        self._claims: dict[str, Claim] = {}
        self._left = False

    async def __aenter__(self) -> Self:
        if not self.database.is_open:
            return self
        select = (
            f"select {threads.ASKED_REQUEST} from run where {sqlite_log.OPEN} and kept "
            "and (status <> 'waiting' or wanted is not null) order by created_at, id"
        )
        for request in await self.database.call(lambda db: [row[0] for row in db.execute(select)]):
            new = codec.decode_new_run(request)
            self._queue.add(rules.group(new), new.id)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()
        await self.writer.close()

    async def submit(
        self, new: protocols.NewRun, *, here: bool = False, start: events.RunStarted | None = None
    ) -> Claim | protocols.Submitted:
        group, claim = rules.group(new), None
        if here and not self._left and len(self._claims) < self.limits.slots and self._queue.take_new(group, new.id):
            claim = self._claims[new.id] = Claim(self, group, _Taken(replace(new, pushes=()), "queued", 1, None))
        try:
            insert = partial(self._insert, new=new, claim=claim, start=start)
            submitted, interrupted = await self.database.call(insert, durable=True)
        except BaseException:
            if claim is not None:
                self.forget(claim)
            raise
        for run_id in interrupted:
            await self.cancel(new.principal, run_id)
        if claim is None:
            if submitted.created:
                self._queue.add(group, new.id)
            return submitted
        if submitted.created:
            if start is not None:
                claim.begin(start)
            return claim
        self.forget(claim)
        return submitted

    async def claims(self) -> AsyncGenerator[Claim]:
        while True:
            self._queue.changed.clear()
            if self._left or len(self._claims) >= self.limits.slots or (taken := self._queue.take()) is None:
                await self._queue.changed.wait()
                continue
            if (claim := await self._claim(*taken)) is not None:
                yield claim

    def tail(self, run_id: str, after: int = 0) -> feeds.Tail:
        return self.feeds.tail(run_id, after)

    async def get(self, principal: str, run_id: str, agent: str | None = None) -> protocols.RunState | None:
        return await self.database.call(lambda db: threads.find_run(db, principal, run_id, agent))

    async def log(self, run_id: str) -> protocols.NumberedEvents:
        return await self.read(run_id, 0, whole=True)

    async def check(self, run_id: str, after: int) -> None:
        await self.feeds.check(run_id, after)

    async def show(self, run_id: str, shown: bytes) -> None:
        await self.database.call(lambda db: db.execute("update run set shown = ? where id = ?", (shown, run_id)))

    async def recent(
        self,
        principal: str | None,
        agent: str | None = None,
        *,
        thread: str | None = None,
        before: str | None = None,
        limit: int = 20,
    ) -> list[protocols.RunState]:
        def job(db: sqlite3.Connection) -> list[protocols.RunState]:
            whose = "true" if principal is None else "principal = :principal"
            select = f"""select {threads.RUN_COLUMNS} from run where {whose}
                and (:agent is null or agent = :agent) and (:thread is null or thread = :thread)
                and (:before is null or (created_at, id) <
                     (select created_at, id from run where {whose} and id = :before))
                order by created_at desc, id desc limit :limit"""
            named = {"principal": principal, "agent": agent, "thread": thread, "before": before, "limit": limit}
            return [threads.run_state(row) for row in db.execute(select, named)]

        return await self.database.call(job)

    async def cancel(self, principal: str, run_id: str) -> bool:
        def job(db: sqlite3.Connection) -> protocols.NumberedEvents | None:
            """None: the run does not exist. Otherwise what it adds to the log, if nobody executes it."""
            update = f"""update run set wanted = 'cancel'
                where principal = ? and id = ? and {sqlite_log.OPEN} returning status, {threads.ASKED_REQUEST}"""
            if (row := db.execute(update, (principal, run_id)).fetchone()) is None:
                return None
            status, request = row
            if status == "running":
                return []
            new, numbered = codec.decode_new_run(request), self._log.read(db, run_id)
            end, said = rules.make_cancellation(new, numbered)
            seq = 1 + (numbered[-1][0] if numbered else 0)
            self._log.store(db, appends.Append(new, seq, uuid.uuid4().hex, [end], said))
            return [(seq, end)]

        added = await self.database.call(job, durable=True)
        if added:
            self.feeds.publish(run_id, added)
            self.database.posted.set()
        self._tell_cancelled(run_id)
        return added is not None

    async def answer(self, principal: str, run_id: str, answered: events.RunAnswered) -> bool:
        def job(db: sqlite3.Connection) -> tuple[protocols.NewRun, int, Sequence[events.LogEvent]] | None:
            waiting = "from run where principal = ? and id = ? and status = 'waiting'"
            select = f"select {threads.ASKED_REQUEST}, ending {waiting}"
            if (row := db.execute(select, (principal, run_id)).fetchone()) is None:
                return None
            new, batch = codec.decode_new_run(row[0]), rules.answer(codec.decode_ending(row[1]), answered)
            if batch is None:
                return None
            seq = 1 + self._log.end(db, run_id)
            self._log.store(db, appends.Append(new, seq, uuid.uuid4().hex, batch, ()))
            return new, seq, batch

        if (accepted := await self.database.call(job, durable=True)) is None:
            return False
        new, seq, batch = accepted
        self.feeds.publish(run_id, list(enumerate(batch, seq)))
        if len(batch) == 1:
            self._queue.add(rules.group(new), run_id)
        else:  # it waits for other answers
            self.database.posted.set()
        return True

    async def keep(self, new: protocols.NewRun, batch: Sequence[events.LogEvent]) -> None:
        def job(db: sqlite3.Connection) -> None:
            self._insert(db, new)
            self._log.store(db, appends.Append(new, 1, uuid.uuid4().hex, batch, ()))

        await self.database.call(job, durable=True)
        self.database.posted.set()

    async def find_waiting(self, principal: str | None = None, limit: int = 1000) -> list[protocols.RunState]:
        if not self.database.is_open:  # nothing has been stored, and a question is no reason to make a file
            return []
        select = f"""select {threads.RUN_COLUMNS} from run where status = 'waiting'
            and (:principal is null or principal = :principal) order by created_at desc, id desc limit :limit"""
        named = {"principal": principal, "limit": limit}
        return await self.database.call(lambda db: [threads.run_state(row) for row in db.execute(select, named)])

    async def count_waiting(self) -> int:
        if not self.database.is_open:
            return 0
        count = "select count(*) from run where status = 'waiting'"
        found: int = await self.database.call(lambda db: db.execute(count).fetchone()[0])
        return found

    async def find_asking(self, code: str) -> list[protocols.RunState]:
        if not self.database.is_open:
            return []
        select = f"""select {threads.RUN_COLUMNS} from run
            where id in (select run_id from question where code = ?) and status = 'waiting'"""
        return await self.database.call(lambda db: [threads.run_state(row) for row in db.execute(select, [code])])

    async def secret(self, name: str) -> bytes:
        def job(db: sqlite3.Connection) -> bytes:
            db.execute("insert or ignore into secret (name, value) values (?, ?)", (name, secrets.token_bytes(32)))
            value: bytes = db.execute("select value from secret where name = ?", [name]).fetchone()[0]
            return value

        return await self.database.call(job, durable=True)

    async def request(self, run_id: str) -> protocols.NewRun | None:
        select = f"select {threads.ASKED_REQUEST} from run where id = ? and kept"
        row = await self.database.call(lambda db: db.execute(select, [run_id]).fetchone())
        return None if row is None else codec.decode_new_run(row[0])

    async def delete(self, principal: str, run_id: str) -> bool:
        def job(db: sqlite3.Connection) -> bool:
            self.empty_journal(db)
            return db.execute("delete from run where principal = ? and id = ?", (principal, run_id)).rowcount > 0

        return await self.database.call(job, durable=True)

    async def expire(self, older_than: float) -> int:
        def job(db: sqlite3.Connection) -> int:
            now = time.time()
            db.execute("update run set key = null where key is not null and created_at < ?", [now - rules.KEY_LIFETIME])
            return self._log.expire(db, now - older_than)

        return await self.database.call(job)

    async def leave(self) -> None:
        self._left = True
        for claim in list(self._claims.values()):
            await claim.give_back()

    async def read(self, run_id: str, after: int, *, whole: bool = False) -> protocols.NumberedEvents:
        claim = self._claims.get(run_id)
        if claim is not None and not after and (beginning := claim.beginning):
            return beginning
        return await self.database.call(lambda db: self._log.read(db, run_id, after, -1 if whole else 200))

    def forget(self, claim: Claim, *, give_back: bool = False) -> None:
        """The claim is over; without ``give_back`` nobody else shall have its run."""
        if self._claims.get(claim.new.id) is not claim:
            return
        del self._claims[claim.new.id]
        if give_back:
            self._queue.give_back(claim.group)
        else:
            self._queue.done(claim.group)
        self._queue.changed.set()

    async def _claim(self, group: str, run_id: str) -> Claim | None:
        """None if the run is not to be executed."""
        taken = await self.database.call(lambda db: _take(db, run_id))
        if taken is None:
            self._queue.done(group)
            return None
        claim = self._claims[run_id] = Claim(self, group, taken)
        if await rules.settle(claim, taken.status, cancel=taken.wanted == "cancel"):
            return None
        return claim

    def _tell_cancelled(self, run_id: str) -> None:
        if (claim := self._claims.get(run_id)) is not None:
            claim.cancelled.set()

    async def _log_state(self, run_id: str) -> feeds.LogState | None:
        claim = self._claims.get(run_id)
        if claim is not None and claim.end and not claim.ended:  # what it has shown is what it has stored
            return feeds.LogState("running", claim.end)

        def job(db: sqlite3.Connection) -> feeds.LogState | None:
            row = db.execute("select status from run where id = ? and kept", [run_id]).fetchone()
            return None if row is None else feeds.LogState(row[0], self._log.end(db, run_id))

        return await self.database.call(job)

    def _insert(
        self,
        db: sqlite3.Connection,
        new: protocols.NewRun,
        claim: Claim | None = None,
        start: events.RunStarted | None = None,
    ) -> tuple[protocols.Submitted, list[str]]:
        """The run, or the one that its key stands for; and the runs that it interrupts."""
        if new.key is not None:
            row = db.execute("select id from run where principal = ? and key = ?", (new.principal, new.key)).fetchone()
            if row is not None:
                return protocols.Submitted(row[0], created=False), []
        queued = db.execute("select count(*) from run where status = 'queued'").fetchone()[0]
        mine = db.execute(
            f"select count(*) from run where principal = ? and {sqlite_log.OPEN}", [new.principal]
        ).fetchone()[0]
        self.limits.check(queued, mine)
        interrupted = [] if new.thread is None else _enter_thread(db, new.thread, new.policy)
        threads.insert_run(
            db,
            "id, principal, agent, thread, key, kept, background, dialect, created_at, status, claims",
            (
                new.id,
                new.principal,
                new.agent,
                new.request.thread_id,
                new.key,
                True,
                new.background,
                new.dialect,
                time.time(),
                "queued" if claim is None or start is None else "running",
                0 if claim is None else 1,
            ),
            codec.encode_new_run(replace(new, body=b"", pushes=())),
            new.body,
        )
        if claim is not None and start is not None:
            self._log.begin(db, claim.first_append(start))
        for push in new.pushes:
            db.execute(pushes.UPSERT, (new.id, push.id, push.config))
        return protocols.Submitted(new.id), interrupted


def _enter_thread(db: sqlite3.Connection, key: protocols.ThreadKey, policy: protocols.Policy) -> list[str]:
    """Begin the thread if it is new. The open runs of the thread that the policy ends."""
    threads.begin_thread(db, key)
    select = f"select id from run where principal = ? and agent = ? and thread = ? and {sqlite_log.OPEN}"
    others = [row[0] for row in db.execute(select, astuple(key))]
    if others and policy == "reject":
        raise rules.busy(key.id)
    if policy != "interrupt":
        return []
    db.executemany("update run set wanted = 'cancel' where id = ?", [(id,) for id in others])
    return others


def _take(db: sqlite3.Connection, run_id: str) -> _Taken | None:
    update = "update run set claims = claims + 1 where id = ?"
    asked = f"{threads.ASKED_REQUEST}, {threads.ASKED_BODY}"
    if (row := db.execute(f"{update} returning {asked}, status, claims, wanted", [run_id]).fetchone()) is None:
        return None
    request, body, status, claims, wanted = row
    return _Taken(replace(codec.decode_new_run(request), body=body), status, claims, wanted)
