"""Counters: in memory, in a file, in a database that two processes share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import new_database
from turnstream import protocols
from turnstream.storage import postgres, sqlite
from turnstream.storage.counters import MemoryCounters, PostgresCounters, SqliteCounters


@asynccontextmanager
async def opened(kind: str, tmp_path: Path, request: Any) -> AsyncIterator[protocols.Counters]:
    if kind == "memory":
        yield MemoryCounters()
    elif kind == "sqlite":
        async with sqlite.Database(tmp_path / "store.db") as file:
            yield SqliteCounters(file)
    else:
        url = await new_database(request.getfixturevalue("postgres_url"))
        async with postgres.Database(url, connections=4) as database:
            yield PostgresCounters(database)


KINDS = ["memory", "sqlite", "postgres"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_added_is_told(kind: str, tmp_path: Path, request: Any) -> None:
    async with opened(kind, tmp_path, request) as counters:
        assert await counters.get(["a", "b"]) == {"a": 0, "b": 0}
        assert await counters.add({"a": 2, "b": 1}, 60) == {"a": 2, "b": 1}
        assert await counters.add({"a": 3}, 60) == {"a": 5}
        assert await counters.get(["b", "a"]) == {"a": 5, "b": 1}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_over_is_forgotten(kind: str, tmp_path: Path, request: Any) -> None:
    async with opened(kind, tmp_path, request) as counters:
        await counters.add({"a": 2}, 0)
        assert await counters.get(["a"]) == {"a": 0}
        assert await counters.add({"a": 3}, 60) == {"a": 3}


@pytest.mark.parametrize("kind", KINDS)
async def test_two_that_add_at_once_lose_nothing(kind: str, tmp_path: Path, request: Any) -> None:
    async with opened(kind, tmp_path, request) as counters:
        await asyncio.gather(*(counters.add({"a": 1, "b": 2}, 60) for _ in range(50)))
        assert await counters.get(["a", "b"]) == {"a": 50, "b": 100}


async def test_memory_keeps_no_more_than_it_may() -> None:
    counters = MemoryCounters(most=2)
    for name in "abc":
        await counters.add({name: 1}, 60)
    assert await counters.get(["a", "b", "c"]) == {"a": 0, "b": 1, "c": 1}
