from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.stores import Place, Store


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres.server_url() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty store of each kind."""
    if request.param == "sqlite":
        return Place("sqlite", str(tmp_path / "store.db"))
    return Place("postgres", await postgres.new_database(request.getfixturevalue("postgres_url")))


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    async with place.open() as store:
        yield store
