"""Characters that a vendor's stream has cut in two: the halves of a surrogate pair, in the strings of two deltas."""

from __future__ import annotations

import re

_ENDS = re.compile(rb'(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2})(?=")')
_BEGINS = re.compile(rb'(?<!\\)"(?=\\u[dD][c-fC-F][0-9a-fA-F]{2})')


class Halves:
    """For documents that a strict decoder has refused, in their order. Where a string ends with a first half, that half
    is kept for the string that begins with the second; without one it was no character."""

    def __init__(self) -> None:
        self._kept = b""

    def joined(self, data: bytes) -> bytes:
        """The document, with what was kept and without what is kept from now on. Other halves stay."""
        if self._kept:
            data = _BEGINS.sub(lambda quote: quote[0] + self._kept, data)
        found = _ENDS.findall(data)
        self._kept = found[-1][1] if found else b""
        return _ENDS.sub(rb"\1", data) if found else data
