"""The logs of kept runs in a SQLite file: reading them, and the one place that writes them.

What all runs of the process append in one turn of its loop is one statement of one transaction.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Coroutine, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from turnstream import errors, protocols
from turnstream.runs import sqlite_appends
from turnstream.runs.appends import Append, Owner, Settle
from turnstream.storage import codec, outbox, sqlite
from turnstream.storage.sqlite import Database
from turnstream.threads import sqlite as threads

OPEN = "status in ('queued', 'running', 'waiting')"
# Seconds until a statement that the database refused is tried again.
_PAUSE = 0.5
_STATUS = attrgetter("status")
_OF_RUN = "run = (select number from run where id = ?)"
_HOLDER = f"select owner from run_event where {_OF_RUN} and seq <= ? order by seq desc limit 1"


class Log:
    """The logs of all runs, in the thread of the database."""

    def __init__(self, database: Database) -> None:
        self._recent = sqlite_appends.RecentAppends()
        database.when_undone(self._recent.forget)

    def store_all(self, db: sqlite3.Connection, appends: Sequence[Append]) -> list[bool]:
        """Which of them were stored. The others are fenced, or their runs were deleted."""
        if not any(map(_STATUS, appends)) and self._recent.add(db, [append.entry for append in appends]):
            return [True] * len(appends)
        return [self.store(db, append) for append in appends]

    def store_plain(
        self, db: sqlite3.Connection, entries: Sequence[codec.Appended], owners: Sequence[Owner]
    ) -> Sequence[bool]:
        """`store_all` for what is plain (`log.are_plain`). It begins the transaction that it needs."""
        if self._recent.add(db, entries):
            return [True] * len(entries)
        sqlite.begin(db)
        appends = [Append(owner.new, *entry[1:]) for owner, entry in zip(owners, entries, strict=True)]
        return [self.store(db, append) for append in appends]

    def store(self, db: sqlite3.Connection, append: Append) -> bool:
        """Nothing is stored in a place that is taken. If it is its own owner's, this is the append whose answer was
        lost: an owner has one at a time."""
        if (end := self._recent.move(db, append.new.id)) is None:
            return False
        if append.seq <= end:
            (owner,) = db.execute(_HOLDER, (append.new.id, append.seq)).fetchone()
            if owner != append.owner:
                return False
        else:
            _insert(db, append)
        if append.status is not None:
            _change_status(db, append)
        return True

    def begin(self, db: sqlite3.Connection, append: Append) -> None:
        """The first of a log, with the run."""
        _insert(db, append)
        self._recent.begin(append.new.id, append.last)

    def read(self, db: sqlite3.Connection, run_id: str, after: int = 0, limit: int = -1) -> protocols.NumberedEvents:
        """The events behind ``after``, of at most so many appends."""
        self._recent.move(db, run_id)
        select = f"select seq, events from run_event where {_OF_RUN} and seq + count > ? + 1 order by seq limit ?"
        rows: list[Any] = db.execute(select, (run_id, after, limit)).fetchall()
        numbered = [each for seq, data in rows for each in codec.decode_events(seq, data)]
        return [each for each in numbered if each[0] > after]

    def end(self, db: sqlite3.Connection, run_id: str) -> int:
        """The seq of the last event, 0 before the first."""
        return self._recent.move(db, run_id) or 0

    def empty_journal(self, db: sqlite3.Connection) -> None:
        """So that what is deleted from the logs, in the same transaction, is in no other place."""
        self._recent.move_all(db)

    def expire(self, db: sqlite3.Connection, ended_before: float) -> int:
        """Forget the logs of runs that ended before. The number of appends that they had."""
        self._recent.move_all(db)
        expired = "select number from run where ended_at < ?"
        return db.execute(f"delete from run_event where run in ({expired})", [ended_before]).rowcount


class LogWriter:
    """Stores what is appended in this process."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database, self._log = database, log
        self._gathered: list[tuple[Append, Settle]] = []
        self._plain: list[tuple[codec.Appended, Owner, protocols.TellStored]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def write(self, append: Append, settle: Settle) -> None:
        if append.status is not None:  # it changes more than the log, and may fail alone
            self._begin(self._store([(append, settle)]))
            return
        if not self._gathered:
            self._begin(self._store_gathered())
        self._gathered.append((append, settle))

    def _begin(self, storing: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(storing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def write_plain(self, entry: codec.Appended, owner: Owner, tell: protocols.TellStored) -> None:
        if not self._plain:
            self._begin(self._store_plain())
        self._plain.append((entry, owner, tell))

    async def _store_plain(self) -> None:
        """In one statement, for all who have some in this turn of the loop."""
        plain, self._plain = self._plain, []
        entries = [each[0] for each in plain]
        job = partial(self._log.store_plain, entries=entries, owners=[each[1] for each in plain])
        stored = await self._persist(job, len(entries), at_once=True, lone=True)
        for (entry, owner, tell), outcome in zip(plain, stored, strict=True):
            if outcome is True:
                owner.show_plain(entry, tell)
            else:
                owner.settle(Append(owner.new, *entry[1:], (), tell), outcome)

    async def _store_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        await self._store(gathered, at_once=True)

    async def _store(self, gathered: Sequence[tuple[Append, Settle]], *, at_once: bool = False) -> None:
        appends = [append for append, _ in gathered]
        job, durable = partial(self._log.store_all, appends=appends), any(append.durable for append in appends)
        stored = await self._persist(job, len(appends), durable=durable, at_once=at_once)
        for (append, settle), outcome in zip(gathered, stored, strict=True):
            settle(append, outcome)
        if any(append.posted for append in appends):
            self._database.posted.set()

    async def _persist(self, job: Any, count: int, **how: bool) -> Sequence[bool | BaseException]:
        """What became of so many appends."""
        while True:
            try:
                stored: Sequence[bool] = await self._database.call(job, **how)
                return stored
            except errors.StoreError:
                await asyncio.sleep(_PAUSE)
            except Exception as error:
                return [error] * count

    async def close(self) -> None:
        """What the database has refused until now is not tried again."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _insert(db: sqlite3.Connection, append: Append) -> None:
    run_id, *row = append.row
    db.execute(sqlite_appends.INSERT, (*row, run_id))


def _change_status(db: sqlite3.Connection, append: Append) -> None:
    claims = ", claims = 0" if append.status == "waiting" else ""
    update = f"update run set status = ?, ending = ?, ended_at = ?{claims} where id = ? and {OPEN}"
    ended_at = time.time() if append.ends else None
    changed = db.execute(update, (append.status, append.ending, ended_at, append.new.id)).rowcount
    db.execute("delete from question where run_id = ?", [append.new.id])
    if changed and (codes := append.codes):
        db.executemany("insert into question (code, run_id) values (?, ?)", [(code, append.new.id) for code in codes])
    if changed and append.ends and (key := append.new.thread) is not None:
        length = threads.append_messages(db, key, append.said, append.new.id)
        db.execute("update run set length = ?, outputs = ? where id = ?", (length, append.outputs, append.new.id))
    if changed and append.posts and append.status is not None:
        append.posted = outbox.post(db, append.new, append.status, append.last)
