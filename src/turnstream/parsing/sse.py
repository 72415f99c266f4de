"""Server-sent events: bytes in, events out (WHATWG HTML, section 9.2, "Server-sent events").

Two deliberate deviations, because recorded streams of model vendors need them:

- `Decoder.close` gives the last event even if no blank line closed it, where the standard discards it. Vendors do end
  a body right after the last line. What looks like an event may then be the torn half of one, so whoever reads
  it must be ready for JSON that stops in the middle.
- A line ``error: …`` is an event named ``error`` if its block has no data. The standard has no such field and ignores
  it; GPUStack reports failures so.
"""

from __future__ import annotations

from itertools import takewhile

from msgspec import Struct

from turnstream import errors

MAX_EVENT = 16 * 1024 * 1024
_NAMES = 100
_BOM = b"\xef\xbb\xbf"
_LF, _CR = 10, 13
"""As numbers: where ``in`` is asked for bytes, it first makes an exception of them and then catches it."""


class Event(Struct, frozen=True, gc=False):
    """One event. ``data`` is the bytes of its data lines, joined by LF, not checked to be UTF-8.

    ``event`` is the type that the stream gave, "" if it gave none (the standard then says ``message``). ``id`` is the
    last event id at that point of the stream, "" if there was none.
    """

    data: bytes
    event: str = ""
    id: str = ""


class Decoder:
    """Incremental decoder. Holds back only the unfinished event, at most ``max_event`` bytes of it.

    ``retry`` is the reconnection time that the stream asked for last, in milliseconds.
    """

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self.retry: int | None = None
        self._max = max_event
        self._id = ""
        self._names: dict[bytes, str] = {}
        self._started = False
        self._head = b""  # up to two bytes that may become a byte order mark
        self._after_cr = False
        self._pending: list[bytes] = []  # the unfinished event, joined once, at its end
        self._pending_size = 0
        self._lf = b""  # a line end that may become a blank line: the one byte that is searched again
        self._error: errors.ProtocolError | None = None

    def feed(self, piece: bytes) -> list[Event]:
        """The events that ``piece`` completes.

        Raises `ProtocolError` for an event above the limit, but not before the events ahead of it were given: then
        the next call raises.
        """
        if self._error is not None:
            raise self._error
        if not self._started:
            piece = self._start(piece)
        if self._after_cr or _CR in piece:
            piece = self._only_lf(piece)
        if not piece:
            return []
        if piece[:6] == b"data: " and piece[-2:] == b"\n\n" and not (self._pending or self._lf or self._id):
            # Whole events of one data line each: nearly all reads of nearly all vendors.
            values = piece[6:-2].split(b"\n\ndata: ")
            if piece.count(b"\n") == 2 * len(values) and len(piece) <= self._max:
                return [*map(Event, values)]
        events = self._events(self._split(piece))
        if not events and self._error is not None:
            raise self._error
        return events

    def is_between(self) -> bool:
        """Whether nothing is held, and nothing that came so far says anything of what comes next: events that are whole
        may be read elsewhere."""
        return self._started and not (self._pending or self._lf or self._id or self._after_cr or self._error)

    def close(self) -> list[Event]:
        """The last event, if the stream ended without the blank line that closes it."""
        if self._error is not None:
            raise self._error
        block = b"".join(self._pending)
        self._pending.clear()
        return self._events([block])

    def _start(self, piece: bytes) -> bytes:
        """Drop one leading byte order mark, which may come in pieces."""
        piece = self._head + piece
        if len(piece) < len(_BOM) and _BOM.startswith(piece):
            self._head = piece
            return b""
        self._started, self._head = True, b""
        return piece.removeprefix(_BOM)

    def _only_lf(self, piece: bytes) -> bytes:
        """CRLF and CR become LF. A CR at the end counts at once, and an LF that follows it is then dropped."""
        if self._after_cr and piece[:1] == b"\n":
            piece = piece[1:]
            self._after_cr = False
        if piece:
            self._after_cr = piece[-1] == _CR
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _split(self, piece: bytes) -> list[bytes]:
        """The lines of each event that is complete now, LF between them."""
        size = self._pending_size + len(piece)
        blocks = (self._lf + piece).split(b"\n\n")
        rest = blocks.pop()
        if blocks and self._pending:
            self._pending.append(blocks[0])
            blocks[0] = b"".join(self._pending)
            self._pending.clear()
            self._pending_size = 0
        self._lf = b""
        if rest:
            if rest[-1] == _LF:
                self._lf, rest = b"\n", rest[:-1]
            self._pending.append(rest)
            self._pending_size += len(rest)
        return blocks if size <= self._max else self._within_limit(blocks)

    def _within_limit(self, blocks: list[bytes]) -> list[bytes]:
        """The blocks ahead of the first that is too big."""
        fitting = list(takewhile(lambda block: len(block) <= self._max, blocks))
        if len(fitting) < len(blocks) or self._pending_size > self._max:
            self._pending.clear()
            self._error = errors.ProtocolError(f"The model's stream has an event of more than {self._max} bytes.")
        return fitting

    def _events(self, blocks: list[bytes]) -> list[Event]:
        events: list[Event] = []
        ident = self._id
        for block in blocks:
            if block[:6] == b"data: " and _LF not in block:
                events.append(Event(block[6:], "", ident))
            elif len(lines := block.split(b"\n")) == 2 and lines[0][:7] == b"event: " and lines[1][:6] == b"data: ":
                name = lines[0]
                events.append(Event(lines[1][6:], self._names.get(name) or self._name(name), ident))
            elif len(lines) == 3 and lines[0][:4] == b"id: " and lines[1][:7] == b"event: " and _is_data(lines):
                self._id = ident = lines[0][4:].decode("utf-8", "replace")
                events.append(Event(lines[2][6:], self._names.get(lines[1]) or self._name(lines[1]), ident))
            elif block:
                self._block(block, events)
                ident = self._id
        return events

    def _name(self, line: bytes) -> str:
        """A stream has a few names and says them with every event."""
        name = line[7:].decode("utf-8", "replace")
        if len(self._names) < _NAMES:
            self._names[line] = name
        return name

    def _block(self, block: bytes, events: list[Event]) -> None:
        """Section 9.2.6, one event: the lines between two blank lines."""
        data: list[bytes] = []
        failure: bytes | None = None
        kind = ""
        for line in block.split(b"\n"):
            name, _, value = line.partition(b":")
            if value[:1] == b" ":
                value = value[1:]
            if name == b"data":
                data.append(value)
            elif name == b"event":
                kind = value.decode("utf-8", "replace")
            elif name == b"id" and b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
            elif name == b"retry" and value.isdigit() and len(value) < 16:
                self.retry = int(value)
            elif name == b"error":
                failure = value
        if data:
            events.append(Event(b"\n".join(data), kind, self._id))
        elif failure is not None:
            events.append(Event(failure, "error", self._id))


def _is_data(lines: list[bytes]) -> bool:
    """Whether these are an id, a name and one line of data; an id with a NUL is invalid."""
    return lines[2][:6] == b"data: " and b"\0" not in lines[0]
