"""Keys in files: hashes that `turnstream keys` writes, and secrets that something else mounts."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from turnstream.errors import ConfigurationError
from turnstream.identity import Key, records
from turnstream.identity.files import KeyFile, SecretFile
from turnstream.limits import Limits


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "new" / "keys.json")


async def test_a_key_is_kept_as_its_hash_for_its_owner_alone(file: KeyFile) -> None:
    key, record = records.make("alice", 1.0)
    await file.add(record)
    assert key.encode() not in file.path.read_bytes()
    assert key.startswith("ts_")
    assert (file.path.stat().st_mode & 0o777, file.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_what_is_said_of_a_key_comes_back(file: KeyFile) -> None:
    said = {"expires_at": 5.0, "agents": ["helper"], "scopes": ["runs"], "groups": ["sales"], "limits": Limits(runs=2)}
    _, record = records.make("alice", 1.0, **said)
    await file.add(record)
    (key,) = await file.read()
    assert (key.name, key.expires_at, key.id) == ("alice", 5.0, record.id)
    assert key.principal.scopes == {"runs"}
    assert key.principal.groups == {"sales"}
    assert key.principal.limits == Limits(runs=2)


async def test_a_revoked_key_is_listed_and_not_read(file: KeyFile) -> None:
    for name in ("alice", "alice", "bob"):
        await file.add(records.make(name, 1.0)[1])
    assert [await file.revoke("alice", 2.0), await file.revoke("alice", 3.0)] == [2, 0]
    assert [key.name for key in await file.read()] == ["bob"]
    assert [record.status(9.0) for record, _ in await file.list_records()] == ["revoked", "revoked", "active"]


async def test_keys_that_are_added_at_once_are_all_there(file: KeyFile) -> None:
    await asyncio.gather(*(file.add(records.make(f"user{n}", 1.0)[1]) for n in range(20)))
    assert len(await file.read()) == 20


async def test_the_last_use_is_kept_and_never_goes_back(file: KeyFile) -> None:
    _, record = records.make("alice", 1.0)
    await file.add(record)
    for at in (7.0, 5.0):
        await file.note_uses({record.id: at})
    assert await file.list_records() == [(record, 7.0)]


@pytest.mark.skipif(os.name != "posix", reason="rights of files are others there")
async def test_a_file_that_others_may_write_to_is_refused(file: KeyFile) -> None:
    await file.add(records.make("alice", 1.0)[1])
    file.path.chmod(0o666)
    with pytest.raises(ConfigurationError, match="others may write to it"):
        file.load()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": 2}', b'{"keys": [{"id": "k"}]}', b"\xff"])
def test_what_is_no_file_of_keys_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"keys\.json"):
        KeyFile(tmp_path / "keys.json").load()


def test_a_secret_file_has_a_key_a_line(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("old-key\n\n new-key \n")
    found = SecretFile(Key(name="shop", file=tmp_path / "secret")).load()
    assert [(key.key, key.name) for key in found] == [("old-key", "shop"), ("new-key", "shop")]


@pytest.mark.parametrize("content", [None, b"\n \n", b"\xff"])
def test_a_secret_file_without_a_key_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(ConfigurationError, match="secret"):
        SecretFile(Key(file=tmp_path / "secret")).load()
