"""Keys in files: a file of hashes that `turnstream keys` writes, and secrets that something else mounts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from msgspec import Struct

from turnstream import errors, jsontext
from turnstream.identity import keys, records

LARGEST = 16 * 1024 * 1024  # bytes of a file
_MOST_SECRET = 64 * 1024


class _Content(Struct):
    version: int = 1
    keys: list[records.Record] = []


class KeyFile:
    """Hashes of keys as JSON, for its owner alone. When they were used last is in a file beside it, which the server
    alone writes: so neither waits for the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._uses = path.with_name(f"{path.stem}.used.json")

    async def version(self) -> object:
        return await asyncio.to_thread(_stamp, self.path)

    async def read(self) -> Sequence[keys.Key]:
        found = await asyncio.to_thread(self.load)
        return [record.as_key() for record in found if record.revoked_at is None]

    async def list_records(self) -> Sequence[tuple[records.Record, float | None]]:
        found, uses = await asyncio.to_thread(self.load), await asyncio.to_thread(self._load_uses)
        return [(record, uses.get(record.id)) for record in found]

    async def add(self, record: records.Record) -> None:
        await asyncio.to_thread(self._change, lambda found: [*found, record])

    async def revoke(self, wanted: str, now: float) -> int:
        count = 0

        def change(found: list[records.Record]) -> list[records.Record]:
            nonlocal count
            revoked = {record.id: record for record in records.revoke(found, wanted, now)}
            count = len(revoked)
            return [revoked.get(record.id, record) for record in found]

        await asyncio.to_thread(self._change, change)
        return count

    async def note_uses(self, uses: Mapping[str, float]) -> None:
        await asyncio.to_thread(self._save_uses, uses)

    def load(self) -> list[records.Record]:
        """None where there is no file. Raises `ConfigurationError`."""
        try:
            data = _read(self.path, LARGEST)
        except FileNotFoundError:
            return []
        if os.name == "posix" and self.path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise errors.ConfigurationError(f"{self.path}: others may write to it: chmod 600 {self.path}")
        try:
            content = jsontext.decode(data, _Content)
        except ValueError as error:
            raise errors.ConfigurationError(f"{self.path}: not a file of keys: {error}") from None
        if content.version != 1:
            raise errors.ConfigurationError(f"{self.path}: written by a newer version of Turnstream")
        return content.keys

    def _change(self, change: Callable[[list[records.Record]], list[records.Record]]) -> None:
        try:
            if not self.path.parent.exists():
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.path.with_name(".gitignore").write_text("*\n")
            with _lock(self.path):
                changed = change(self.load())
                _write(self.path, msgspec.json.format(msgspec.json.encode(_Content(keys=changed))) + b"\n")
        except OSError as error:
            raise errors.ConfigurationError(f"{self.path}: cannot be written: {error.strerror}") from None

    def _load_uses(self) -> dict[str, float]:
        try:
            return jsontext.decode(_read(self._uses, LARGEST), dict[str, float])
        except (OSError, ValueError, errors.ConfigurationError):
            return {}

    def _save_uses(self, uses: Mapping[str, float]) -> None:
        with contextlib.suppress(OSError), _lock(self._uses):  # a folder that nobody may write to is no fault
            known = self._load_uses()
            latest = {id: max(at, known.get(id, 0.0)) for id, at in uses.items()}
            _write(self._uses, msgspec.json.encode({**known, **latest}))


class SecretFile:
    """A key whose text is in a file of its own, as containers have them: one a line, so that a key can be changed
    without a gap."""

    def __init__(self, key: keys.Key) -> None:
        assert key.file is not None
        self._key, self._path = key, key.file

    async def version(self) -> object:
        return await asyncio.to_thread(_stamp, self._path)

    async def read(self) -> Sequence[keys.Key]:
        return await asyncio.to_thread(self.load)

    async def note_uses(self, uses: Mapping[str, float]) -> None:
        return None

    def load(self) -> list[keys.Key]:
        """Raises `ConfigurationError` if there is no such file, or no key in it."""
        try:
            text = _read(self._path, _MOST_SECRET).decode()
        except FileNotFoundError:
            raise errors.ConfigurationError(f"there is no file {self._path}") from None
        except UnicodeDecodeError:
            raise errors.ConfigurationError(f"{self._path} is not UTF-8 text") from None
        except OSError as error:
            raise errors.ConfigurationError(f"{self._path} cannot be read: {error.strerror}") from None
        if not (lines := [line.strip() for line in text.splitlines() if line.strip()]):
            raise errors.ConfigurationError(f"{self._path}: there is no key in it")
        return [replace(self._key, key=line, file=None) for line in lines]


def _stamp(path: Path) -> object:
    """Secrets are often mounted as links to files that are replaced, so the file behind them counts."""
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


def _read(path: Path, most: int) -> bytes:
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise errors.ConfigurationError(f"{path}: longer than {most} bytes")
    return data


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and for its owner alone from the first byte on."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Two commands at once must not lose a key of each other's."""
    with open(path.with_name(f".{path.name}.lock"), "ab") as file:
        with contextlib.suppress(ImportError):  # Windows has no such module
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
