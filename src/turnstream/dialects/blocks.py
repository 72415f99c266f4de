"""Text and reasoning as blocks that open and close, for the protocols that want them so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Kind = Literal["text", "reasoning"]
Write = Callable[[Kind, str], bytes]


class Blocks:
    """At most one block is open, and each has an id of its own: ``prefix`` and a number."""

    __slots__ = ("_closing", "_count", "_opening", "_prefix", "id", "kind")

    def __init__(self, prefix: str, opening: Write, closing: Write) -> None:
        self._prefix, self._opening, self._closing = prefix, opening, closing
        self._count = 0
        self.kind: Kind | None = None
        self.id = ""

    def enter(self, kind: Kind) -> bytes:
        """What must be written before a delta of that kind."""
        if self.kind == kind:
            return b""
        closed = self.leave()
        self._count += 1
        self.kind, self.id = kind, f"{self._prefix}{self._count}"
        return closed + self._opening(kind, self.id)

    def leave(self) -> bytes:
        """What must be written before anything that is no delta. ``id`` stays that of the block just closed."""
        if self.kind is None:
            return b""
        kind, self.kind = self.kind, None
        return self._closing(kind, self.id)
