"""The body of an answer that should be an event stream, and often enough is a JSON error or a proxy's HTML page."""

from __future__ import annotations

from turnstream import errors
from turnstream.parsing import sse

_OTHER = b"{[<"  # no line of an event stream begins so
_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_EXCERPT = 500


class Decoder:
    """Like `sse.Decoder`, but notices what is not an event stream.

    ``document`` is then the whole body, once closed: JSON for the provider to look into. HTML, nothing at all
    and text without any event raise `ProtocolError` on close.
    """

    def __init__(self, max_size: int = sse.MAX_EVENT) -> None:
        self.document: bytes | None = None
        self._sse = sse.Decoder(max_size)
        self._max = max_size
        self._head = b""  # the start of a byte order mark; then, what came before the first event, to quote from
        self._begun = False
        self._is_document = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._any = False

    def feed(self, piece: bytes) -> list[sse.Event]:
        if not self._begun:
            piece = self._begin(piece)
        if self._is_document:
            self._collect(piece)
            return []
        events = self._sse.feed(piece)
        if events:
            self._any = True
        elif not self._any and len(self._head) < _EXCERPT:
            self._head += piece[:_EXCERPT]
        return events

    def is_between(self) -> bool:
        """As `sse.Decoder.is_between`, once the first event has told that this is a stream."""
        return self._any and self._sse.is_between()

    def close(self) -> list[sse.Event]:
        if self._is_document:
            self.document, self._pieces = b"".join(self._pieces), []
            if self.document[:1] == b"<":
                raise errors.ProtocolError(
                    "The model's vendor answered with a page instead of a stream.", detail=self._quote()
                )
            return []
        events = self._sse.close()
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
        text = (self._head + piece).lstrip(_BLANK)
        while text.startswith(_BOM):
            text = text[len(_BOM) :].lstrip(_BLANK)
        if not text or (len(text) < len(_BOM) and _BOM.startswith(text)):
            self._head = text
            return b""
        self._head = b""
        self._begun = True
        self._is_document = text[0] in _OTHER
        return text

    def _collect(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max:
            self._pieces.clear()
            raise errors.ProtocolError(
                f"The model's vendor answered with more than {self._max} bytes that are not an event stream."
            )
        self._pieces.append(piece)

    def _quote(self) -> str:
        return (self.document or self._head)[:_EXCERPT].decode("utf-8", "replace")
