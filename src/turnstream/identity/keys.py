"""API keys, and who is behind each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from turnstream import errors, requests


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the server's. ``name`` is the principal behind it; two keys may have one, so that a key can be changed
    without a gap. Without a name the principal's is made of the key's digest, which tells nothing of the key.
    ``agents`` are the names of those that it opens, None: all. ``scopes`` are what it may, None: all but `admin`.
    """

    key: str = field(repr=False)
    name: str | None = None
    agents: frozenset[str] | None = None
    scopes: frozenset[str] | None = None
    groups: frozenset[str] = frozenset()

    @property
    def principal(self) -> requests.Principal:
        name = self.name or f"key_{_digest(self.key.encode()).hex()[:12]}"
        scopes = requests.SCOPES - {"admin"} if self.scopes is None else self.scopes
        return requests.Principal(name, self.agents, scopes=scopes, groups=self.groups)


class Keys:
    """Finds the principal behind a key. Texts are keys without a name.

    Keys are looked up by their digests: how long that takes tells nothing about them.
    """

    def __init__(self, keys: Iterable[str | Key]) -> None:
        named = [key if isinstance(key, Key) else Key(key) for key in keys]
        self._principals = {_digest(key.key.encode()): key.principal for key in named if key.key}

    def principal(self, shown: Iterable[bytes]) -> requests.Principal | None:
        """Whose the first key is that is one of these; None if none is."""
        found = (self._principals.get(_digest(candidate)) for candidate in shown)
        return next((principal for principal in found if principal is not None), None)


def check(keys: Iterable[str | Key], agents: Iterable[str]) -> None:
    """Raises `ConfigurationError` for a key that is empty, or that is for an agent that is not served."""
    served = set(agents)
    for key in keys:
        named = key if isinstance(key, Key) else Key(key)
        if not named.key.strip():
            raise errors.ConfigurationError("One of the server's keys is empty.")
        if unknown := sorted((named.agents or set()) - served):
            whose = named.principal.name
            raise errors.ConfigurationError(f"The key '{whose}' is for '{unknown[0]}', but no agent has that name.")


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
