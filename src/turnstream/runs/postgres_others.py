"""The logs that other processes write in PostgreSQL, for those who watch them in this one."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from contextlib import suppress

from turnstream import errors, protocols
from turnstream.runs import feeds
from turnstream.storage import codec
from turnstream.storage.postgres import CHANNEL, Database

TELL = "select pg_notify($1, $2)"
# Seconds until a log that somebody watches is named again to its owner.
_WATCH_EVERY = 30.0


class OtherLogs:
    """Those that are watched, but for ``own``. ``news`` is set by whoever hears of some; ``poll`` is how long, in
    seconds, they may be late if nobody does. ``follow`` them as a task."""

    def __init__(self, database: Database, feed: feeds.Feeds, own: Container[str], poll: float) -> None:
        self._database, self._feeds, self._claims = database, feed, own
        self.poll = poll
        self.news = asyncio.Event()

    async def follow(self) -> None:
        """Feed the watchers of logs that others write: told by their owners, or else by asking."""
        named: dict[str, float] = {}
        while True:
            self.news.clear()
            remote = {id: feed.position for id, feed in self._feeds.watched.items() if id not in self._claims}
            if remote:
                with suppress(errors.StoreError):
                    await self._name_watched(named, remote)
                    for run_id, numbered in (await _read_logs(self._database, remote)).items():
                        self._feeds.publish(run_id, numbered)
            await within(self.news, self.poll)

    async def _name_watched(self, named: dict[str, float], remote: dict[str, int]) -> None:
        now = asyncio.get_running_loop().time()
        if self._database.pooled:
            return
        for run_id in [run_id for run_id, at in named.items() if run_id not in remote or now - at > _WATCH_EVERY]:
            del named[run_id]
        for run_id in remote.keys() - named.keys():
            named[run_id] = now
            await self._database.fetch(TELL, CHANNEL, f"watch {run_id}")


async def _read_logs(database: Database, positions: dict[str, int]) -> dict[str, protocols.NumberedEvents]:
    """What is behind these positions of several logs, in one statement."""
    select = """select w.run_id, e.seq, e.events from unnest($1::text[], $2::bigint[]) as w(run_id, after)
        join turnstream.run_event e on e.run_id = w.run_id and e.seq >=
            coalesce((select max(seq) from turnstream.run_event where run_id = w.run_id and seq <= w.after + 1), 1)
        order by w.run_id, e.seq"""
    found: dict[str, protocols.NumberedEvents] = {}
    for row in await database.fetch(select, list(positions), list(positions.values())):
        found.setdefault(row["run_id"], []).extend(codec.decode_events(row["seq"], row["events"]))
    return {id: [each for each in numbered if each[0] > positions[id]] for id, numbered in found.items()}


async def within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
