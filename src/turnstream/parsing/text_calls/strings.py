"""The inside of a quoted string, turned into the inside of a JSON string while it arrives."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TypeAlias

from turnstream.parsing.text_calls.reader import NEVER, Parsing, Reader, Stops, stops

Emit: TypeAlias = Callable[[str], object]

_JSON_SPACE = re.compile(r"[ \t\n\r]*")
_STOP = {'"': re.compile(r'["\\\x00-\x1f]').search, "'": re.compile(r"""["'\\\x00-\x1f]""").search}
_SIMPLE = {"n": "\\n", "t": "\\t", "r": "\\r", "b": "\\b", "f": "\\f", "\\": "\\\\", '"': '\\"', "/": "\\/"}


class BrokenError(Exception):
    """What stands here is not a value, or not certainly one."""


class TruncatedError(Exception):
    """The stream ended within a value."""


def json_space(space: str) -> str:
    """What of white space is such in JSON, too (RFC 8259, section 2): a no-break space is not, nor U+001F."""
    return space if _JSON_SPACE.fullmatch(space) else "".join(_JSON_SPACE.findall(space))


def escape_inside(text: str) -> str:
    """The text as it stands between the quotes of a JSON string."""
    return encode_basestring(text)[1:-1]


@lru_cache(maxsize=256)
def _closing(quote: str, ends: tuple[str, ...]) -> Callable[[str, int], re.Match[str] | None]:
    """Finds a quote that may close a JSON string, by what follows it. The others are part of the string."""
    marks = "".join(f"{re.escape(end)}|" for end in ends)
    firsts = "".join({re.escape(end[0]) for end in ends})
    cut = f"|[{firsts}].{{0,{max(map(len, ends))}}}\\Z" if ends else ""
    follow = rf"{marks}[,:}}\])=#\"'+*%]|/[/*]|\Z{cut}"
    return re.compile(rf"{quote}(?=\s*+(?:{follow}))|[\\\x00-\x1f]", re.DOTALL).search


@lru_cache(maxsize=256)
def _special(ends: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    """Finds what is more than a piece of a string."""
    firsts = "".join({re.escape(end[0]) for end in ends})
    return re.compile(rf"[\"'\\\x00-\x1f{firsts}]").search


class Over:
    """A quote that closes nothing, behind an end of the call: the string was not closed, and the call is over. The
    reader then stands before that end, however the text was cut."""

    __slots__ = ("_at", "_ends", "_quote", "_reader", "_seen", "_tail")

    def __init__(self, reader: Reader, quote: str, ends: Stops) -> None:
        self._reader, self._quote, self._ends = reader, quote, ends
        self._tail, self._seen, self._at = "", False, 0

    @property
    def clear(self) -> bool:
        """Whether nothing of an end was seen, and none may have begun."""
        return not self._seen and not self._tail

    def check(self, piece: str, offset: int) -> None:
        """``offset`` is where the piece begins in what is recorded."""
        at = 0
        if not self._seen:
            if not self._tail and self._ends.first(piece) is None:
                return
            text = self._tail + piece
            found = self._ends.search(text)
            if found is None:
                self._tail = text[self._ends.live(text, 0) :]
                return
            self._seen, at = True, max(0, found.end() - len(self._tail))
            self._at = offset - len(self._tail) + found.start()
        if self._quote in piece[at:]:
            self._reader.rewind(self._at)
            raise BrokenError


def short(
    reader: Reader, emit: Emit, quote: str, *, raw: bool, python: bool, ends: Stops = NEVER, over: Over | None = None
) -> Parsing[None]:
    """Up to the next quote that may close the string. Raises `TruncatedError`.

    In Python's strings that is every quote that is not escaped; in JSON's one that something of the syntax, or one of
    ``ends``, may follow.
    """
    search = _STOP[quote] if python else _closing(quote, ends.literals)
    idle = _special(ends.literals)
    while True:
        found = search(reader.text, reader.pos)
        end = found.start() if found else len(reader.text)
        if end > reader.pos:
            piece = reader.text[reader.pos : end]
            if over is not None:
                over.check(piece, reader.offset)
            emit(piece if python else piece.replace('"', '\\"'))
            reader.pos = end
        if found is None:
            if reader.ended:
                raise TruncatedError
            if over is None or over.clear:
                yield from reader.rest(idle, emit)
            else:
                yield
            continue
        char = found[0]
        if char == "\\" and not raw:
            yield from escape(reader, emit, python=python)
            continue
        reader.pos += 1
        if char == quote:
            return
        emit(escape_inside(char))


def long(reader: Reader, emit: Emit, quote: str, *, raw: bool) -> Parsing[None]:
    """Python's string between three quotes. Raises `TruncatedError`."""
    marks = stops(quote) if raw else stops(quote, "\\")
    while True:
        found = yield from reader.until(marks, lambda piece: emit(escape_inside(piece)))
        if not found:
            raise TruncatedError
        if found == quote:
            return
        reader.pos -= 1
        yield from escape(reader, emit, python=True)


def escape(reader: Reader, emit: Emit, *, python: bool) -> Parsing[None]:
    """A backslash and what it escapes; what it cannot escape stays two characters."""
    pair = yield from reader.peek(2)
    if len(pair) < 2:
        raise TruncatedError
    char = pair[1]
    reader.pos += 2
    if char in _SIMPLE and not (char == "/" and python):
        emit(_SIMPLE[char])
    elif char == "'":
        emit("'")
    elif char == "u":
        digits = yield from reader.peek(4)
        if len(digits) == 4 and _is_hex(digits):
            reader.pos += 4
            emit("\\u" + digits)
        else:
            emit("\\\\u")
    elif python:
        yield from _python_escape(reader, emit, char)
    else:
        emit("\\\\" + escape_inside(char))


def _python_escape(reader: Reader, emit: Emit, char: str) -> Parsing[None]:
    if char == "\n":
        return
    if char in "av":
        emit("\\u0007" if char == "a" else "\\u000b")
    elif char in "xU":
        size = 2 if char == "x" else 8
        digits = yield from reader.peek(size)
        if len(digits) == size and _is_hex(digits) and int(digits, 16) < 0x110000:
            reader.pos += size
            emit(escape_inside(chr(int(digits, 16))))
        else:
            emit("\\\\" + char)
    elif char in "01234567":
        digits = char
        while len(digits) < 3 and (more := (yield from reader.peek())) and more in "01234567":
            digits += more
            reader.pos += 1
        emit(escape_inside(chr(int(digits, 8))))
    elif char == "N" and (yield from reader.take("{")):
        name, _ = yield from reader.collect("}")
        try:
            emit(escape_inside(unicodedata.lookup(name)))
        except KeyError:
            emit("\\\\N{" + escape_inside(name) + "}")
    else:
        emit("\\\\" + escape_inside(char))


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in digits)
