"""The keys that count now."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.server.serving import eventually
from turnstream.errors import ConfigurationError, StoreError
from turnstream.identity import Directory, Key, records
from turnstream.identity.files import KeyFile

SOON = 0.01


async def added(file: KeyFile, name: str = "alice", **fields: object) -> tuple[bytes, records.Record]:
    key, record = records.make(name, 1.0, **fields)
    await file.add(record)
    return key.encode(), record


async def test_a_key_counts_from_its_adding_to_its_revocation(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    async with Directory(["fixed"], [file], every=SOON) as directory:
        key, record = await added(file)
        await eventually(lambda: directory.find(key) is not None)
        await file.revoke(record.id, 2.0)
        await eventually(lambda: directory.find(key) is None)
        assert directory.find(b"fixed") is not None


async def test_a_key_ends_when_it_expires() -> None:
    now = [0.0]
    directory = Directory([Key("k", "alice", expires_at=5.0)], clock=lambda: now[0])
    assert directory.find(b"k") is not None
    now[0] = 5.0
    assert directory.find(b"k") is None


async def test_a_secret_that_is_mounted_anew_changes_the_key(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("old")
    async with Directory([Key(name="shop", file=secret)], every=SOON) as directory:
        (tmp_path / "next").write_text("new")
        os.replace(tmp_path / "next", secret)
        await eventually(lambda: directory.find(b"new") is not None)
        assert directory.find(b"old") is None


async def test_a_source_that_fails_leaves_the_keys_that_were_known(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = KeyFile(tmp_path / "keys.json")
    key, _ = await added(file)
    async with Directory([], [file], every=SOON) as directory:
        file.path.write_bytes(b"{")
        await eventually(lambda: "still count" in caplog.text)
        assert directory.find(key) is not None
        file.path.unlink()
        await eventually(lambda: directory.find(key) is None)
    assert caplog.text.count("still count") == 1


async def test_a_server_does_not_start_with_keys_that_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        async with Directory([Key(name="shop", file=tmp_path / "absent")]):
            pass


async def test_the_last_use_is_written_at_the_end(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    key, record = await added(file)
    async with Directory([], [file], clock=lambda: 42.0) as directory:
        directory.find(key)
    assert await file.list_records() == [(record, 42.0)]


class Away(KeyFile):
    async def version(self) -> object:
        raise StoreError("The database does not answer or does not write.")


async def test_a_store_that_is_away_does_not_stop_the_looking(tmp_path: Path) -> None:
    file, away = KeyFile(tmp_path / "keys.json"), Away(tmp_path / "away.json")
    directory = Directory([], [file], every=SOON)
    async with directory:
        directory._sources.insert(0, away)
        directory._found.insert(0, ())
        directory._versions.insert(0, None)
        key, _ = await added(file)
        async with asyncio.timeout(10):
            await eventually(lambda: directory.find(key) is not None)
