"""The raw text of one parameter, turned into JSON by the tool's schema while it arrives.

Strings are passed on as they come; what may be of another type waits until it is whole or disproved: an object or an
array to its end, anything else for 40 characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from turnstream.parsing.text_calls import literals, scalars, strict, values
from turnstream.parsing.text_calls.schema import ANY, Types
from turnstream.parsing.text_calls.strings import escape_inside

_COMPOUND = re.compile(r"\s*[{\[(]")
_SCALAR = re.compile(r"\s*[-+.\w]{0,40}\s*\Z")
STRING: Types = frozenset({"string"})


class TypedValue:
    """``trim`` takes one newline off each end, which is the family's layout and not part of the value.

    With ``guess`` a value without a schema that reads as JSON is JSON. ``paired``: a newline at the end is layout only
    if one stands at the start.
    """

    def __init__(
        self,
        emit: Callable[[str], object],
        types: Types,
        *,
        trim: bool = False,
        guess: bool = True,
        paired: bool = False,
    ) -> None:
        self._emit = emit
        self._types = types if types or guess else STRING
        self._trim = trim
        self._paired = paired
        self._held: list[str] = []
        self._size = 0
        self._tail = ""
        self._first = True
        self._streams = False
        if self._types == STRING:
            self._stream()

    def push(self, piece: str) -> None:
        if self._first and piece:
            self._first = False
            if self._trim and piece[0] == "\n":
                piece = piece[1:]
            elif self._paired:
                self._trim = False
        if not piece:
            return
        if self._trim:
            piece = self._tail + piece
            self._tail = "\n" if piece.endswith("\n") else ""
            if self._tail:
                piece = piece[:-1]
        if self._streams:
            self._emit(escape_inside(piece))
            return
        self._held.append(piece)
        self._size += len(piece)
        if not self._may_be_other():
            self._stream()

    @property
    def lost(self) -> bool:
        """Whether what is declared as a number or the like holds a tag: then it was not closed."""
        return not self._streams and is_lost("".join(self._held), self._types)

    def close(self) -> None:
        if self._streams:
            self._emit('"')
        else:
            self._emit(encode_typed("".join(self._held), self._types))

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
        self._emit('"' + escape_inside("".join(self._held)))
        self._held.clear()


def is_lost(text: str, types: Types) -> bool:
    """Whether what is declared as a number or the like holds a tag."""
    return bool(types) and "string" not in types and "<" in text and text.lstrip()[:1] not in ("{", "[")


def encode_typed(text: str, types: Types) -> str:
    """Raw text as JSON of one of the types; a JSON string where none fits."""
    if types == STRING:
        return strict.dumps(text)
    word = text.strip()
    found = scalars.scalar(text, types)
    if found is None and (not types or types & {"object", "array"}):
        found = _compound(word)
    if found is not None:
        return found
    if types and "string" not in types:
        try:  # declared as one type, written as another: JSON still speaks for itself
            strict.loads(word)
        except ValueError:
            pass
        else:
            return word
    return strict.dumps(text)


def json_or_string(text: str, types: Types = ANY) -> str:
    """A value that its family marks as JSON; other text stays a string."""
    try:
        strict.loads(text)
    except ValueError:
        return encode_typed(text, types)
    return text.strip()


def _compound(word: str) -> str | None:
    """An object or an array, however it is spelled."""
    if word[:1] not in ("{", "[", "("):
        return None
    try:
        strict.loads(word)
    except ValueError:
        pass
    else:
        return word
    for read in (values.convert, _literal, _unescape):
        try:
            return read(word)
        except ValueError:
            pass
    return None


def _literal(word: str) -> str:
    """An object or an array as Python writes it. Raises ValueError."""
    found = literals.literal(word)
    if not isinstance(found, dict | list):
        raise ValueError("neither an object nor an array")
    return strict.dumps(found)


def _unescape(word: str) -> str:
    """JSON that was escaped as if it stood in a JSON string. Raises ValueError."""
    if '\\"' not in word:
        raise ValueError("not escaped")
    inner = strict.loads(f'"{word}"', raw_newlines=True)
    return strict.dumps(strict.loads(inner, raw_newlines=True))
