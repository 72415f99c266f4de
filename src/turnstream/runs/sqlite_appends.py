"""Appends to many logs of a SQLite file at once, for the price of one.

The table of the logs is ordered by run: a hundred runs that append at once write a hundred pages there. So what runs
append together while they stream becomes one row of another table, a journal, and is remembered here. When there is
much of it, it goes to the logs, where all that a run has appended meanwhile is one row, and the journal is emptied.
Whoever reads a log, or ends it, has its part written first.

The journal and the logs are written in the same transactions as all else. What is remembered is in the journal, and is
read from there when the program starts and whenever a transaction was taken back; what of it is in the logs already is
passed over. Only the thread of the database comes here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from turnstream import events
from turnstream.storage import codec, sqlite

# Of appends and of bytes: then they go to the logs.
MOST, MOST_BYTES = 10_000, 2**22
# Into the log of a run that is there.
INSERT = "insert into run_event (run, seq, count, owner, events) select number, ?, ?, ?, ? from run where id = ?"


class _Place:
    """Where the log of a run ends, and what of it is not among the logs yet."""

    __slots__ = ("before", "end", "events", "owner", "seq")

    def __init__(self, end: int) -> None:
        self.end = end
        self.owner, self.seq = "", end + 1
        self.events: list[events.LogEvent] = []  # of its last owner, from ``seq`` on
        self.before: list[tuple[int, str, list[events.LogEvent]]] = []  # and of those before

    def change_owner(self, owner: str) -> None:
        if self.events:
            self.before.append((self.seq, self.owner, self.events))
        self.owner, self.seq, self.events = owner, self.end + 1, []


class RecentAppends:
    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._count = self._bytes = 0
        self._known = False

    def forget(self) -> None:
        """What was done last is taken back."""
        self._known = False

    def add(self, db: sqlite3.Connection, entries: Sequence[codec.Appended]) -> bool:
        """Whether all are stored. None is if one is not the next of its log, or if its run was deleted. Nearly always
        it is one statement, which needs no transaction around it."""
        if not self._known or self._count >= MOST or self._bytes >= MOST_BYTES:
            sqlite.begin(db)
            self._read(db)
            if self._count >= MOST or self._bytes >= MOST_BYTES:
                self.move_all(db)
        if not self._remember(db, entries):
            self.forget()
            return False
        data = codec.encode_appended(entries)
        db.execute("insert into recent_append (appends) values (?)", [data])
        self._count += len(entries)
        self._bytes += len(data)
        return True

    def begin(self, run_id: str, end: int) -> None:
        """The log of a new run begins, and is written up to its ``end``."""
        if self._known:
            self._places[run_id] = _Place(end)

    def move(self, db: sqlite3.Connection, run_id: str) -> int | None:
        """Let the log of the run be complete, for whoever reads it, or appends to it by other means. Its end, as
        `log_end` says it."""
        self._read(db)
        if (place := self._places.pop(run_id, None)) is None:
            return log_end(db, run_id)
        _write(db, run_id, place)
        return place.end

    def move_all(self, db: sqlite3.Connection) -> None:
        self._read(db)
        for run_id in sorted(self._places):
            _write(db, run_id, self._places[run_id])
        db.execute("delete from recent_append")
        self._places, self._count, self._bytes = {}, 0, 0

    def _place(self, db: sqlite3.Connection, run_id: str) -> _Place | None:
        """None for a run that is not there."""
        if (place := self._places.get(run_id)) is None and (end := log_end(db, run_id)) is not None:
            place = self._places[run_id] = _Place(end)
        return place

    def _remember(self, db: sqlite3.Connection, entries: Sequence[codec.Appended]) -> bool:
        """Up to one that is not the next of its log. Whether there is none such."""
        find = self._places.get
        for run_id, seq, owner, batch in entries:
            place = find(run_id) or self._place(db, run_id)
            if place is None or seq != place.end + 1:
                return False
            if place.owner != owner:
                place.change_owner(owner)
            place.end += len(batch)
            place.events += batch
        return True

    def _forget_log(self, run_id: str) -> None:
        self._places.pop(run_id, None)

    def _read(self, db: sqlite3.Connection) -> None:
        if self._known:
            return
        db.create_function("forget_log", 1, self._forget_log)
        db.execute(
            "create temp trigger if not exists forget_log after delete on main.run begin select forget_log(old.id); end"
        )
        self._places, self._count, self._bytes = {}, 0, 0
        for (appends,) in db.execute("select appends from recent_append order by number").fetchall():
            for entry in codec.decode_appended(appends):
                self._count += self._remember(db, [entry])
            self._bytes += len(appends)
        self._known = True


def _write(db: sqlite3.Connection, run_id: str, place: _Place) -> None:
    """As one append for each of its owners."""
    place.change_owner("")
    for seq, owner, batch in place.before:
        db.execute(INSERT, (seq, len(batch), owner, codec.encode_events(batch), run_id))


def log_end(db: sqlite3.Connection, run_id: str) -> int | None:
    """The seq of the last event that is among the logs, 0 before the first; None for a run that is not there."""
    last = "select seq + count - 1 from run_event where run = number order by seq desc limit 1"
    row = db.execute(f"select coalesce(({last}), 0) from run where id = ?", [run_id]).fetchone()
    return None if row is None else int(row[0])
