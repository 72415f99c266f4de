"""Chunks that differ in their text alone: with nearly all vendors, those of one stream that say text do.

Once the rest of such a chunk is known, what a read brought is compared with it, and only its texts are decoded: no
JSON object is read for a token.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from turnstream import events, jsontext
from turnstream.parsing import sse

_string = msgspec.json.Decoder(str).decode


class Template:
    """What stands before a text and behind it in one event of a stream (a line of data, and a blank line)."""

    __slots__ = ("_before", "_behind", "_size")

    def __init__(self, before: bytes, behind: bytes) -> None:
        self._before, self._behind = b"data: " + before, behind + b"\n\n"
        self._size = len(self._before) + len(self._behind)

    def deltas(self, piece: bytes) -> list[events.ModelEvent] | None:
        """What ``piece`` says, if it is such events, whole, and nothing else; else None.

        What stands between two of them may be found only there: a JSON string has no line feed.
        """
        rest = piece.removeprefix(self._before).removesuffix(self._behind)
        if len(rest) + self._size != len(piece) or len(piece) > sse.MAX_EVENT:
            return None
        try:
            if b"\n" in rest:
                spelled = rest.split(self._behind + self._before)
                return [*map(events.TextDelta, filter(None, map(_string, spelled)))]
            text = _string(rest)
        except jsontext.UNDECODABLE:
            return None
        return [events.TextDelta(text)] if text else []

    def find_end(self, piece: bytes, start: int, end: int) -> int:
        """Behind the last event there that ends as these do."""
        return piece.rfind(self._behind, start, end) + len(self._behind)

    def text(self, data: bytes) -> str | None:
        """Of one event."""
        before, behind = self._before[len(b"data: ") :], self._behind[: -len(b"\n\n")]
        spelled = data.removeprefix(before).removesuffix(behind)
        if len(spelled) + len(before) + len(behind) != len(data):
            return None
        try:
            return _string(spelled)
        except jsontext.UNDECODABLE:
            return None


def learn(data: bytes, text: str, read: Callable[[bytes], str]) -> Template | None:
    """From the data of one event, in which ``text`` was found. ``read`` is how it was; it raises what msgspec raises.
    None where the text stands there in another spelling, or more than once."""
    spelled = msgspec.json.encode(text)
    before, found, behind = data.partition(spelled)
    other = f"{text}."
    try:
        if found and read(before + msgspec.json.encode(other) + behind) == other:
            return Template(before, behind)
    except jsontext.UNDECODABLE:
        pass
    return None
