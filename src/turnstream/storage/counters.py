"""Numbers by name, which processes that share a store add to: what was used in a minute, a day, a thread.

Each is forgotten some seconds after the last addition. A name says what it counts and when, so none is ever set back.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from turnstream.storage import postgres, sqlite

MOST_IN_MEMORY = 100_000  # numbers; names come from outside
SWEEP_EVERY = 60.0  # seconds


class MemoryCounters:
    """`protocols.Counters` of this process alone; those that were added to longest ago go first."""

    def __init__(self, most: int = MOST_IN_MEMORY, clock: Callable[[], float] = time.time) -> None:
        self._most, self._clock = most, clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()  # amount, and when it is forgotten

    async def add(self, amounts: Mapping[str, int], lifetime: float) -> Mapping[str, int]:
        now = self._clock()
        totals = {name: self._get(name, now) + amount for name, amount in amounts.items()}
        for name, total in totals.items():
            self._counts[name] = total, now + lifetime
            self._counts.move_to_end(name)
        while len(self._counts) > self._most:
            self._counts.popitem(last=False)
        return totals

    async def get(self, names: Sequence[str]) -> Mapping[str, int]:
        now = self._clock()
        return {name: self._get(name, now) for name in names}

    def _get(self, name: str, now: float) -> int:
        amount, until = self._counts.get(name, (0, now))
        return amount if until > now else 0


class _Sweeper:
    """When what is forgotten is removed: now and then, by whoever adds."""

    def __init__(self) -> None:
        self._next = 0.0

    def is_due(self) -> bool:
        if (now := time.monotonic()) < self._next:
            return False
        self._next = now + SWEEP_EVERY
        return True


class SqliteCounters:
    def __init__(self, database: sqlite.Database) -> None:
        self._database = database
        self._sweeper = _Sweeper()

    async def add(self, amounts: Mapping[str, int], lifetime: float) -> Mapping[str, int]:
        sweep = self._sweeper.is_due()
        return await self._database.call(lambda connection: _add(connection, amounts, lifetime, sweep))

    async def get(self, names: Sequence[str]) -> Mapping[str, int]:
        return await self._database.call(lambda connection: _get(connection, names))


_ADD = """
insert into counter (name, amount, expires_at) values (?1, ?2, ?3)
on conflict (name) do update set
  amount = case when expires_at > ?4 then amount else 0 end + excluded.amount, expires_at = excluded.expires_at
returning amount"""


def _add(connection: sqlite3.Connection, amounts: Mapping[str, int], lifetime: float, sweep: bool) -> dict[str, int]:
    now = time.time()
    if sweep:
        connection.execute("delete from counter where expires_at <= ?", (now,))
    totals = {}
    for name, amount in amounts.items():
        [(totals[name],)] = connection.execute(_ADD, (name, amount, now + lifetime, now)).fetchall()
    return totals


def _get(connection: sqlite3.Connection, names: Sequence[str]) -> dict[str, int]:
    marks = ", ".join("?" * len(names))
    sql = f"select name, amount from counter where expires_at > ? and name in ({marks})"
    return {**dict.fromkeys(names, 0), **dict(connection.execute(sql, (time.time(), *names)).fetchall())}


class PostgresCounters:
    def __init__(self, database: postgres.Database) -> None:
        self._database = database
        self._sweeper = _Sweeper()

    async def add(self, amounts: Mapping[str, int], lifetime: float) -> Mapping[str, int]:
        if self._sweeper.is_due():
            await self._database.fetch("delete from turnstream.counter where expires_at <= now()")
        names = sorted(amounts)  # two replicas that add to the same numbers take their locks in one order
        rows = await self._database.fetch(_ADD_ALL, names, [amounts[name] for name in names], lifetime)
        return dict(rows)

    async def get(self, names: Sequence[str]) -> Mapping[str, int]:
        sql = "select name, amount from turnstream.counter where expires_at > now() and name = any($1)"
        return {**dict.fromkeys(names, 0), **dict(await self._database.fetch(sql, list(names)))}


_ADD_ALL = """
insert into turnstream.counter as kept (name, amount, expires_at)
select name, amount, now() + make_interval(secs => $3) from unnest($1::text[], $2::bigint[]) as given (name, amount)
on conflict (name) do update set
  amount = case when kept.expires_at > now() then kept.amount else 0 end + excluded.amount,
  expires_at = excluded.expires_at
returning name, amount"""
