"""What an operator is told of a PostgreSQL that works, but not well."""

from __future__ import annotations

import asyncpg
import pytest

from tests.postgres import new_database
from turnstream import errors
from turnstream.runs import stores
from turnstream.storage import postgres


async def test_a_database_that_is_as_it_should_be_has_none(postgres_url: str) -> None:
    url = await new_database(postgres_url)
    assert await stores.findings(url, None) == []


async def test_a_transaction_that_stays_open_is_named(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = await new_database(postgres_url)
    monkeypatch.setattr(postgres, "_OLD", 0)
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.fetchval("select txid_current()")
        found = await postgres.findings(url)
    await connection.close()
    assert len(found) == 1
    assert found[0].endswith("the queue cannot be cleaned up")


async def test_a_pooler_is_said_to_poll(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = await new_database(postgres_url)

    async def is_pooled(connection: object) -> bool:
        return True

    monkeypatch.setattr(postgres, "is_pooled", is_pooled)
    assert ["found by polling" in each for each in await postgres.findings(url)] == [True]


async def test_a_database_that_was_not_migrated_is_an_error(postgres_url: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="has no tables of Turnstream"):
        await stores.findings(postgres_url, None)
