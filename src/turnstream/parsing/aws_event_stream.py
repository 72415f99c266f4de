"""AWS event stream: bytes in, messages out (https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html).

A message is a prelude (total length, length of the headers, checksum of both), headers, a payload, and a checksum of
all that: CRC-32, big-endian.
"""

from __future__ import annotations

import struct
import zlib

from msgspec import Struct

from turnstream import errors
from turnstream.parsing.sse import MAX_EVENT

_PRELUDE = 12
_CHECKSUM = 4
_lengths = struct.Struct(">III").unpack_from
_word = struct.Struct(">I").unpack_from
_FIXED = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}  # byte, short, int, long, time stamp in ms
_BYTES, _STRING, _UUID = 6, 7, 9


class Message(Struct, frozen=True, gc=False):
    """One message. The headers that matter are strings: ``:message-type``, ``:event-type``, ``:exception-type``."""

    headers: dict[str, object]
    payload: bytes


class Decoder:
    """Incremental decoder. Holds back only the unfinished message, at most ``max_message`` bytes of it."""

    def __init__(self, max_message: int = MAX_EVENT) -> None:
        self._max = max_message
        self._buffer = bytearray()
        self._needed = _PRELUDE  # so many bytes must be there before there is anything to do
        self._known: tuple[bytes, dict[str, object]] = (b"", {})
        self._error: errors.ProtocolError | None = None

    def feed(self, piece: bytes) -> list[Message]:
        """The messages that ``piece`` completes.

        Raises `ProtocolError` for a checksum that is wrong or a message above the limit, but not before the messages
        ahead of it were given: then the next call raises.
        """
        if self._error is not None:
            raise self._error
        self._buffer += piece
        found: list[Message] = []
        if len(self._buffer) < self._needed:
            return found
        try:
            self._take(found)
        except errors.ProtocolError as error:
            self._error = error
            self._buffer.clear()
            if not found:
                raise
        return found

    def close(self) -> list[Message]:
        """Nothing: a message that is not whole says nothing that can be trusted."""
        if self._error is not None:
            raise self._error
        self._buffer.clear()
        return []

    def _take(self, found: list[Message]) -> None:
        data, at, self._needed = bytes(self._buffer), 0, _PRELUDE
        try:
            while len(data) - at >= _PRELUDE:
                total, headers, checksum = _lengths(data, at)
                if zlib.crc32(data[at : at + 8]) != checksum:
                    raise _unreadable_error("a prelude's checksum is wrong")
                if not _PRELUDE + headers + _CHECKSUM <= total <= self._max:
                    raise _unreadable_error(f"a message says that it has {total} bytes")
                end = at + total
                if len(data) < end:
                    self._needed = total
                    break
                if zlib.crc32(data[at : end - _CHECKSUM]) != _word(data, end - _CHECKSUM)[0]:
                    raise _unreadable_error("a message's checksum is wrong")
                start = at + _PRELUDE
                payload = data[start + headers : end - _CHECKSUM]
                found.append(Message(self._headers(data[start : start + headers]), payload))
                at = end
        finally:
            if at:
                del self._buffer[:at]

    def _headers(self, block: bytes) -> dict[str, object]:
        """Nearly all messages of a stream have the headers of the one before."""
        if block != self._known[0]:
            try:
                self._known = (block, _headers(block))
            except (struct.error, IndexError, UnicodeDecodeError):
                raise _unreadable_error("a message's headers cannot be read") from None
        return self._known[1]


def _headers(block: bytes) -> dict[str, object]:
    made: dict[str, object] = {}
    at = 0
    while at < len(block):
        name, at = _read_bytes(block, at + 1, block[at])
        kind, at = block[at], at + 1
        value: object
        if kind in (0, 1):
            value = kind == 0
        elif kind in _FIXED:
            value = struct.unpack_from(_FIXED[kind], block, at)[0]
            at += struct.calcsize(_FIXED[kind])
        elif kind in (_BYTES, _STRING):
            raw, at = _read_bytes(block, at + 2, struct.unpack_from(">H", block, at)[0])
            value = raw.decode() if kind == _STRING else raw
        elif kind == _UUID:
            value, at = _read_bytes(block, at, 16)
        else:
            raise _unreadable_error(f"a header has the unknown type {kind}")
        made[name.decode()] = value
    return made


def _read_bytes(block: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(block):
        raise IndexError
    return block[at : at + size], at + size


def _unreadable_error(problem: str) -> errors.ProtocolError:
    return errors.ProtocolError(
        "The model's vendor sent an answer that cannot be read.", detail=problem, retryable=True
    )
