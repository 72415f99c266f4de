"""The body of an answer that should be an event stream, and often enough is a JSON error, a proxy's HTML page, or the
events' data alone, one JSON object a line."""

from __future__ import annotations

from typing import Any

from turnstream import errors, jsontext
from turnstream.parsing import ndjson, sse

_OTHER = b"{[<"  # no line of an event stream begins so
_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_EXCERPT = 500


class Decoder(sse.Decoder):
    """One that notices what is not an event stream.

    ``document`` is then the whole body, once closed: JSON for the provider to look into. HTML, nothing at all
    and text without any event raise `ProtocolError` on close. A first line that is a JSON object, and more behind it,
    are lines: each is an event's data.
    """

    def __init__(self, max_size: int = sse.MAX_EVENT) -> None:
        super().__init__(max_size)
        self.document: bytes | None = None
        self._before = b""  # the start of a byte order mark; then, what came before the first event, to quote from
        self._begun = False
        self._is_document = False
        self._lines: ndjson.Decoder | None = None
        self._may_be_lines = False  # the first line has not ended, or nothing has come behind it
        self._first_is_whole = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._any = False

    def feed(self, piece: bytes) -> list[sse.Event]:
        if not self._begun:
            piece = self._begin(piece)
        if self._lines is not None:
            return _events(self._lines.feed(piece))
        if self._is_document:
            return self._collect(piece)
        events = super().feed(piece)
        if events:
            self._any = True
        elif not self._any and len(self._before) < _EXCERPT:
            self._before += piece[:_EXCERPT]
        return events

    def is_between(self) -> bool:
        """As `sse.Decoder.is_between`, once the first event has told that this is a stream."""
        return self._any and self._lines is None and super().is_between()

    def close(self) -> list[sse.Event]:
        if self._lines is not None:
            return _events(self._lines.close())
        if self._is_document:
            self.document, self._pieces = b"".join(self._pieces), []
            if self.document[:1] == b"<":
                raise errors.ProtocolError(
                    "The model's vendor answered with a page instead of a stream.", detail=self._quote()
                )
            return []
        events = super().close()
        if not events and not self._any:
            if not self._begun:
                raise errors.ProtocolError("The model's vendor answered with an empty body.", retryable=True)
            raise errors.ProtocolError(
                "The model's vendor answered with something that is not an event stream.",
                detail=self._quote(),
                retryable=True,
            )
        self._any = True
        return events

    def _begin(self, piece: bytes) -> bytes:
        """Drop blanks and byte order marks until the first byte that tells what this is."""
        text = (self._before + piece).lstrip(_BLANK)
        while text.startswith(_BOM):
            text = text[len(_BOM) :].lstrip(_BLANK)
        if not text or (len(text) < len(_BOM) and _BOM.startswith(text)):
            self._before = text
            return b""
        self._before = b""
        self._begun = True
        self._is_document = text[0] in _OTHER
        self._may_be_lines = text[:1] == b"{"
        return text

    def _begin_lines(self, piece: bytes) -> list[sse.Event]:
        """The first lines, once it is clear that it is lines: nothing that came before is looked at again."""
        if not self._first_is_whole:
            if b"\n" not in piece:
                return []
            whole = b"".join(self._pieces)
            self._pieces = [whole]
            first, _, piece = whole.partition(b"\n")
            self._first_is_whole = self._may_be_lines = len(first) <= self._max and _is_object(first)
        if not self._first_is_whole or not piece.strip():
            return []
        self._lines, body = ndjson.Decoder(self._max), b"".join(self._pieces)
        self._pieces.clear()
        return _events(self._lines.feed(body))

    def _collect(self, piece: bytes) -> list[sse.Event]:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._may_be_lines and (events := self._begin_lines(piece)):
            return events
        if self._lines is None and self._size > self._max:
            self._pieces.clear()
            raise errors.ProtocolError(
                f"The model's vendor answered with more than {self._max} bytes that are not an event stream."
            )
        return []

    def _quote(self) -> str:
        return (self.document or self._before)[:_EXCERPT].decode("utf-8", "replace")


def _events(lines: list[bytes]) -> list[sse.Event]:
    data = (line.removeprefix(b"data:").strip() for line in lines if not line.startswith((b":", b"event:", b"id:")))
    return [sse.Event(line) for line in data if line]


def _is_object(line: bytes) -> bool:
    try:
        jsontext.decode(line, dict[str, Any])
    except ValueError:
        return False
    return True
