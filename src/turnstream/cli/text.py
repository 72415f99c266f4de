"""Words of others on a terminal."""

from __future__ import annotations


def printable(text: str, instead: str = "\N{REPLACEMENT CHARACTER}") -> str:
    """Without what a terminal would obey, so that it looks like what it is."""
    return "".join(letter if letter.isprintable() else instead for letter in text)
