"""The raw text of one parameter, turned into JSON by the tool's schema while it arrives."""

from __future__ import annotations

import re
from collections.abc import Callable

from turnstream.parsing.text_calls import repair
from turnstream.parsing.text_calls.schema import ANY, Types, typed
from turnstream.parsing.text_calls.values import escaped

_COMPOUND = re.compile(r"\s*[{\[]")
_SCALAR = re.compile(r"\s*[-+.\w]{0,40}\s*\Z")


class TypedValue:
    """Strings are passed on as they come; what may be of another type waits until it is whole or disproved.

    ``trim`` takes one newline off each end, which is the family's layout and not part of the value.
    """

    def __init__(self, emit: Callable[[str], object], types: Types, *, trim: bool = False, guess: bool = True) -> None:
        self._emit = emit
        self._types = types if types or guess else frozenset({"string"})
        self._trim = trim
        self._held: list[str] = []
        self._size = 0
        self._tail = ""
        self._first = True
        self._streams = False
        if self._types == {"string"}:
            self._stream()

    def push(self, piece: str) -> None:
        if self._first and piece:
            self._first = False
            if self._trim and piece[0] == "\n":
                piece = piece[1:]
        if not piece:
            return
        if self._trim:
            piece = self._tail + piece
            self._tail = "\n" if piece.endswith("\n") else ""
            if self._tail:
                piece = piece[:-1]
        if self._streams:
            self._emit(escaped(piece))
            return
        self._held.append(piece)
        self._size += len(piece)
        if not self._may_be_other():
            self._stream()

    def close(self) -> None:
        if self._streams:
            self._emit('"')
        else:
            self._emit(typed("".join(self._held), self._types))

    def _may_be_other(self) -> bool:
        types = self._types
        if types and "string" not in types:
            return True
        if self._size > 200:
            # Long: only an object or an array can be meant, and the start showed that already.
            return _COMPOUND.match(self._held[0]) is not None if self._held[0].strip() else True
        text = "".join(self._held)
        if _COMPOUND.match(text):
            if not types or types & {"object", "array"}:
                self._held = [text]
                return True
            return False
        return _SCALAR.match(text) is not None

    def _stream(self) -> None:
        self._streams = True
        self._emit('"' + escaped("".join(self._held)))
        self._held.clear()


def json_or_string(text: str, types: Types = ANY) -> str:
    """A value that its family marks as JSON; text that is none stays a string."""
    try:
        repair.strict(text)
    except ValueError:
        return typed(text, types)
    return text.strip()
