"""API keys, and who is behind each."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from turnstream import errors, limits, requests
from turnstream.identity import users


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the server's. ``name`` is the principal behind it; two keys may have one, so that a key can be changed
    without a gap. Without a name the principal's is made of the key's digest, which tells nothing of the key.
    ``agents`` are the names of those that it opens, None: all. ``scopes`` are what it may, None: the usual.

    ``expires_at`` is in seconds since the epoch. Instead of ``key`` there may be a ``file`` with keys, one a line, or
    the SHA-256 of the key, ``digest``; then ``id`` says which of a store's keys it is. With ``users`` whoever has the
    key may name users of its own, each of whom is a principal.
    """

    key: str = field(default="", repr=False)
    name: str | None = None
    agents: frozenset[str] | None = None
    scopes: frozenset[str] | None = None
    groups: frozenset[str] = frozenset()
    limits: limits.Limits | None = None
    expires_at: float | None = None
    file: Path | None = None
    digest: bytes = field(default=b"", repr=False)
    id: str = ""
    users: users.Users | None = None

    @property
    def sha256(self) -> bytes:
        return self.digest or digest(self.key.encode())

    @property
    def principal(self) -> requests.Principal:
        name = self.name or f"key_{self.sha256.hex()[:12]}"
        scopes = requests.USUAL_SCOPES if self.scopes is None else self.scopes
        return requests.Principal(name, self.agents, self.limits, scopes, self.groups)


class Keys:
    """Finds who is behind a key. Texts are keys without a name.

    Keys are looked up by their digests: how long that takes tells nothing about them.
    """

    def __init__(self, keys: Iterable[str | Key], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        named = [key if isinstance(key, Key) else Key(key) for key in keys]
        self._keys = {key.sha256: (key, key.principal) for key in named if key.key or key.digest}

    def find(self, shown: bytes) -> tuple[Key, requests.Principal] | None:
        """The key that this is, unless it has expired, and its principal."""
        made = digest(shown)
        found = self._keys.get(made)
        if found is None or not hmac.compare_digest(found[0].sha256, made):
            return None
        expires_at = found[0].expires_at
        return found if expires_at is None or self._clock() < expires_at else None

    def names(self) -> frozenset[str]:
        """The principals of all that have not expired."""
        now = self._clock()
        found = self._keys.values()
        return frozenset(who.name for key, who in found if key.expires_at is None or now < key.expires_at)

    def principal(self, shown: Iterable[bytes]) -> requests.Principal | None:
        """Whose the first key is that is one of these; None if none is."""
        return next((found[1] for candidate in shown if (found := self.find(candidate)) is not None), None)


def check(keys: Iterable[str | Key], agents: Iterable[str]) -> None:
    """Raises `ConfigurationError` for a key that is empty or another's too, or for an agent that is not served."""
    served, names = set(agents), dict[bytes, str]()
    for key in keys:
        named = key if isinstance(key, Key) else Key(key)
        if not (named.key.strip() or named.file or named.digest):
            raise errors.ConfigurationError("One of the server's keys is empty.")
        if unknown := sorted((named.agents or set()) - served):
            whose = named.name or str(named.file or named.principal.name)
            raise errors.ConfigurationError(f"The key '{whose}' is for '{unknown[0]}', but no agent has that name.")
        name = named.principal.name
        if named.key and names.setdefault(named.sha256, name) != name:
            raise errors.ConfigurationError(f"'{names[named.sha256]}' and '{name}' have the same key.")


def digest(key: bytes) -> bytes:
    """Keys are made by chance and long, so that a fast hash is enough: see docs/design/principal.md."""
    return hashlib.sha256(key).digest()
