"""Keys as a file or a store keeps them: their hashes, and what is to be known of each."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from turnstream import limits
from turnstream.identity import keys

PREFIX = "ts_"  # by which a key is recognized in a log or a repository
_BYTES = 32  # of chance in a key: nobody can try them all, so no slow hash has to hold anybody up


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One key, without the key. Times are in seconds since the epoch. ``hash`` is ``sha256:`` and hexadecimal digits;
    ``id`` names it to people, and tells nothing of it. ``scopes`` and ``agents`` as in `keys.Key`."""

    id: str
    hash: str
    name: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    agents: list[str] | None = None
    scopes: list[str] | None = None
    groups: list[str] = []
    limits: limits.Limits | None = None

    def status(self, now: float) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def as_key(self) -> keys.Key:
        return keys.Key(
            name=self.name,
            agents=None if self.agents is None else frozenset(self.agents),
            scopes=None if self.scopes is None else frozenset(self.scopes),
            groups=frozenset(self.groups),
            limits=self.limits,
            expires_at=self.expires_at,
            digest=bytes.fromhex(self.hash.removeprefix("sha256:")),
            id=self.id,
        )


class Source(Protocol):
    """Where keys come from that may change while the server runs."""

    async def version(self) -> object:
        """Another value whenever something has changed."""
        ...

    async def read(self) -> Sequence[keys.Key]:
        """Those that are not revoked."""
        ...

    async def note_uses(self, uses: Mapping[str, float]) -> None:
        """When keys were used last, by their ids."""
        ...


class Store(Source, Protocol):
    """A source that `turnstream keys` can change."""

    async def list_records(self) -> Sequence[tuple[Record, float | None]]:
        """All, the oldest first, and when each was used last."""
        ...

    async def add(self, record: Record) -> None: ...

    async def revoke(self, wanted: str, now: float) -> int:
        """The key with that id, or all of that name; how many that were."""
        ...


def make(name: str, now: float, **fields: object) -> tuple[str, Record]:
    """A new key, which is nowhere kept, and its record."""
    key = PREFIX + secrets.token_urlsafe(_BYTES)
    hash = f"sha256:{keys.digest(key.encode()).hex()}"
    record = {"id": f"k_{secrets.token_hex(6)}", "hash": hash, "name": name, "created_at": now, **fields}
    return key, msgspec.convert(record, Record)


def revoke(found: Sequence[Record], wanted: str, now: float) -> list[Record]:
    """Those of them that are revoked with this id or name, as they are then."""
    return [
        msgspec.structs.replace(record, revoked_at=now)
        for record in found
        if wanted in (record.id, record.name) and record.revoked_at is None
    ]
