"""Keys in both stores, beside a server that has them open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.stores import Place
from turnstream.errors import ConfigurationError
from turnstream.identity import records
from turnstream.server import identities


@pytest.fixture
async def kept(place: Place) -> AsyncIterator[Any]:
    """The server has the store open meanwhile."""
    setting = place.url if place.kind == "postgres" else f"sqlite:{place.url}"
    found: Any = identities.store(setting, Path())
    async with place.open():
        if isinstance(found, AbstractAsyncContextManager):
            async with found:
                yield found
        else:
            yield found


async def test_a_key_is_added_read_used_and_revoked(kept: Any) -> None:
    key, record = records.make("alice", 1.0, scopes=["runs"])
    await kept.add(record)
    await kept.note_uses({record.id: 7.0})
    await kept.note_uses({record.id: 5.0, "another": 1.0})
    assert await kept.list_records() == [(record, 7.0)]
    assert [found.principal.name for found in await kept.read()] == ["alice"]
    assert [await kept.revoke(record.id, 2.0), await kept.revoke(record.id, 3.0)] == [1, 0]
    assert (await kept.read(), len(await kept.list_records())) == ([], 1)
    assert key not in repr(await kept.list_records())


async def test_every_change_is_another_version(kept: Any) -> None:
    versions = [await kept.version()]
    for at, name in enumerate(("alice", "bob"), 1):
        await kept.add(records.make(name, float(at))[1])
        versions.append(await kept.version())
    await kept.revoke("alice", 9.0)
    versions.append(await kept.version())
    assert len(set(versions)) == 4
    assert await kept.version() == versions[-1]


async def test_a_file_that_no_server_has_made_is_made(tmp_path: Path) -> None:
    kept = identities.store("auto", tmp_path)
    await kept.add(records.make("alice", 1.0)[1])
    assert (tmp_path / ".turnstream" / "store.db").stat().st_mode & 0o777 == 0o600
    assert len(await kept.list_records()) == 1


@pytest.mark.parametrize("setting", ["memory", "none"])
def test_a_store_that_keeps_nothing_keeps_no_keys(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="keeps no keys"):
        identities.store(setting, Path())
