"""Compressed bodies: a vendor's, though nobody asked for it, and a client's (RFC 9110, section 8.4.1). No I/O."""

from __future__ import annotations

import zlib

LARGEST = 16 * 1024 * 1024
"""Bytes that one piece of a vendor's may become: nothing compressed was asked for."""

CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_PLAIN = ("", "identity", "none", "utf-8")  # the last two are mistakes of servers whose bodies are plain

_ANY_HEADER = zlib.MAX_WBITS | 32  # gzip or zlib
_NO_HEADER = -zlib.MAX_WBITS


class TooLargeError(OSError):
    """What one piece becomes is too large."""


def reader(coding: str) -> Inflater | Refusal | None:
    """What reads a vendor's body of that coding; None where it is plain."""
    if coding in CODINGS:
        return Inflater(coding)
    return None if coding in _PLAIN else Refusal(coding)


class Refusal:
    """In place of an inflater, for a coding that nobody asked for and that is not read here."""

    def __init__(self, coding: str) -> None:
        self._coding = coding

    def feed(self, piece: bytes) -> bytes:
        raise OSError(f"the body has the content-encoding {self._coding[:80]!r}, which was not asked for")


class Inflater:
    """Compressed pieces in, plain bytes out, at most ``most`` of one piece. A gzip body may have several members, one
    after another."""

    def __init__(self, coding: str, most: int = LARGEST) -> None:
        self.most = most
        self._deflate = coding == "deflate"
        self._head = b""  # of a deflate body: the two bytes that tell whether it has a header
        self._inflate = None if self._deflate else zlib.decompressobj(_ANY_HEADER)

    @property
    def whole(self) -> bool:
        """Whether what was fed is a whole body."""
        return self._inflate is not None and self._inflate.eof

    def feed(self, piece: bytes) -> bytes:
        """Raises `OSError` for what is not compressed so, and for what becomes too large."""
        if self._inflate is None:
            piece = self._head = self._head + piece
            if len(piece) < 2:
                return b""
            # Many servers mean the bare format by "deflate", the standard zlib's (RFC 1950, section 2.2).
            bare = piece[0] & 15 != 8 or int.from_bytes(piece[:2], "big") % 31 != 0
            self._inflate = zlib.decompressobj(_NO_HEADER if bare else _ANY_HEADER)
        plain: list[bytes] = []
        room = self.most
        try:
            while piece and room:
                if self._inflate.eof:
                    if self._deflate:
                        break
                    self._inflate = zlib.decompressobj(_ANY_HEADER)
                plain.append(self._inflate.decompress(piece, room))
                room -= len(plain[-1])
                piece = self._inflate.unused_data or self._inflate.unconsumed_tail
        except zlib.error as error:
            raise OSError(f"the body is not what its content-encoding says: {error}") from error
        if piece and not self._inflate.eof:
            raise TooLargeError("the body inflates to more than it may")
        return b"".join(plain)
