"""The text of an answer whose pieces each have all of it so far.

By the protocol a piece has what is new. Some gateways send snapshots instead (DashScope's plans for coding). The
first piece is shown as it is; a second one that begins with it is held back until the third one tells: three pieces
that grow are snapshots, unless they are of one or two characters only (a rule, blank lines, ``haha``).
"""

from __future__ import annotations

_FEW_CHARACTERS = 2
_LONG = 8  # so long a piece does not stand at the head of the next one by chance, even if that is the last


class Texts:
    """Pieces in, what is new of each out. ``first`` is what was shown; ``over`` says that nothing repeats."""

    __slots__ = ("_held", "_whole", "first", "over")

    def __init__(self, first: str = "") -> None:
        self.first = first
        self.over = False
        self._held: list[str] = []  # the second piece, and what is the same
        self._whole = ""  # the last snapshot, once it is known that they are

    def feed(self, piece: str) -> str:
        if self._whole:
            return self._grow(piece)
        if self.over or not piece:
            return piece
        if not self.first:
            self.first = piece
            return piece
        if self._held and piece == self._held[0]:
            self._held.append(piece)
            return ""
        if not self._held and may_repeat(self.first, piece):
            self._held.append(piece)
            return ""
        held, self._held = self._held, []
        if held and may_repeat(held[0], piece) and len(set(piece)) > _FEW_CHARACTERS:
            self._whole = piece
            return piece[len(self.first) :]
        self.over = True
        return "".join(held) + piece

    def close(self) -> str:
        """What was held back, as far as it is new."""
        held, self._held = self._held, []
        told = len(held) > 1 or len(self.first) >= _LONG
        if told and len(set(held[0] if held else "")) > _FEW_CHARACTERS:
            return held[0][len(self.first) :]
        return "".join(held)

    def _grow(self, piece: str) -> str:
        whole = self._whole
        if piece.startswith(whole):
            self._whole = piece
            return piece[len(whole) :]
        if whole.startswith(piece):
            return ""
        self._whole, self.over = "", True
        return piece


def may_repeat(before: str, piece: str) -> bool:
    return len(piece) > len(before) and piece.startswith(before)
