"""PostgreSQL itself crashes and comes back, in the middle of runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests import postgres as servers
from tests.runs.test_faults import check_run, owner, owner_here
from tests.stores import LEASE, Place, event_of, new_run
from turnstream import events
from turnstream.storage import postgres


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Server]:
    """One that these tests may stop."""
    with servers.running() as server:
        yield server


@pytest.mark.parametrize("away", [0, 2 * LEASE])
async def test_no_event_is_lost_when_the_database_crashes(server: servers.Server, away: float) -> None:
    """Rows 9 and 10: back at once, or only when every lease has passed."""
    place = Place("postgres", servers.with_database(server.url, f"crash_{away}"))
    await make_database(server.url, f"crash_{away}")
    runs = [new_run(thread=f"t{number}") for number in range(8)]
    async with place.open() as store, owner(place, TURNSTREAM_PACE="0.02"), owner_here(store, 0.02):
        for new in runs:
            await store.runs.submit(new)
        await event_of(store, runs[-1].id, events.TextDelta)
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(away)
        await asyncio.to_thread(server.start)
        for new in runs:
            await check_run(store, new)


async def make_database(url: str, name: str) -> None:
    async with postgres._connection(url) as connection:
        await connection.execute(f"create database {name}")
    await postgres.migrate(servers.with_database(url, name))
