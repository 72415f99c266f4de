"""Calls that are JSON: ``{"name": …, "arguments": {…}}``, alone, in a row or in an array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from turnstream.parsing.text_calls import repair, values
from turnstream.parsing.text_calls.reader import Parsing, Stops, stops
from turnstream.parsing.text_calls.state import CUT_OFF, NO_NAME, NOT_JSON, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.values import BrokenError, TruncatedError


@dataclass(frozen=True, slots=True)
class Shape:
    """Which members of the object hold the tool's name and its arguments. ``others`` may come before them."""

    name: tuple[str, ...] = ("name", "tool_name", "function", "function_name", "tool")
    arguments: tuple[str, ...] = ("arguments", "parameters", "args", "params", "input", "kwargs")
    others: tuple[str, ...] = ("type", "id", "tool_call_id", "index", "call_id")
    style: values.Style = values.JSON
    keyed: bool = False
    """The one member is the call: its key is the name and its value the arguments."""


USUAL = Shape()
KEYED = Shape(keyed=True)
PYTHON = Shape(style=values.Style(python=True))
"""The same as Python prints it."""
NEVER = stops()


class _Object:
    """One call's object while it is read."""

    def __init__(self, parse: Parse, shape: Shape, weak: bool) -> None:
        self.parse, self.shape, self.weak = parse, shape, weak
        self.name: str | None = None
        self.call: Call | None = None
        self.early: list[str] | None = None  # arguments that came before the name
        self.key = ""

    def named(self, name: str) -> None:
        if self.weak and not self.parse.tools.offers(name):
            raise NotACallError
        if not name:
            raise MalformedError(NO_NAME)
        self.name = name
        self.call = self.parse.start(name)
        for piece in self.early or ():
            self.call.emit(piece)

    def read(self) -> Parsing[None]:
        """The members, from after the "{" to after the "}"."""
        reader = self.parse.reader
        first = True
        while (char := (yield from values.skip(reader))) != "}":
            if char == ",":
                reader.pos += 1
                continue
            key = yield from values.string(reader)
            self._check(key, first)
            first = False
            if (yield from values.skip(reader)) != ":":
                raise BrokenError
            reader.pos += 1
            char = yield from values.skip(reader)
            yield from self._member(key, char)
        reader.pos += 1

    def _check(self, key: str, first: bool) -> None:
        shape = self.shape
        if self.weak and first and not shape.keyed and key not in (*shape.name, *shape.arguments, *shape.others):
            raise NotACallError

    def _member(self, key: str, char: str) -> Parsing[None]:
        reader, shape = self.parse.reader, self.shape
        if shape.keyed and self.name is None:
            self.named(key)
            yield from self._arguments(key, char)
        elif key in shape.name and self.name is None and char in "\"'":
            self.named((yield from values.string(reader, shape.style)))
        elif key == "function" and char == "{":
            reader.pos += 1
            yield from self.read()
        elif key in shape.arguments and self.early is None and not (self.call and self.call.given):
            yield from self._arguments(key, char)
        else:
            yield from values.value(reader, _ignore)

    def _arguments(self, key: str, char: str) -> Parsing[None]:
        reader = self.parse.reader
        self.key = key
        emit = self._emit
        if char == "{":
            yield from values.value(reader, emit, self.shape.style)
            return
        if char in "\"'":
            emit(_unpacked((yield from values.string(reader))))
            return
        parts: list[str] = []
        yield from values.value(reader, parts.append)
        text = "".join(parts)
        if text not in ("null", "[]"):
            raise MalformedError("The arguments are not a JSON object.")
        emit("{}")

    def _emit(self, piece: str) -> None:
        if self.call is not None:
            self.call.emit(piece)
        elif self.early is None:
            self.early = [piece]
        else:
            self.early.append(piece)

    def mend(self, raw: str) -> None:
        """Finish from the raw text of the whole object. Raises Malformed or NotACall."""
        try:
            whole = repair.mended(raw)
        except ValueError:
            raise MalformedError(NOT_JSON) from None
        if isinstance(whole, list) and len(whole) == 1:
            whole = whole[0]
        if not isinstance(whole, dict):
            raise MalformedError(NOT_JSON)
        inner = whole.get("function")
        if isinstance(inner, dict):
            whole = inner
        if self.call is None:
            self.early = None
            name = next((whole[k] for k in self.shape.name if isinstance(whole.get(k), str)), "")
            if f'"{name}"' not in raw and f"'{name}'" not in raw:
                raise MalformedError(NOT_JSON)  # a guess
            self.named(name)
        assert self.call is not None
        found: Any = next((whole[k] for k in ((self.key,) if self.key else self.shape.arguments) if k in whole), {})
        if isinstance(found, str):
            found = repair.strict(_unpacked(found))
        self.call.mend(found)


def arguments(parse: Parse, call: Call, ends: Stops = NEVER) -> Parsing[None]:
    """The arguments alone, as one JSON object; ``ends`` is where to look no further if they are broken."""
    reader = parse.reader
    start = reader.offset
    char = yield from values.skip(reader)
    try:
        if char == "{":
            yield from values.value(reader, call.emit)
        elif char in "\"'":
            call.emit(_unpacked((yield from values.string(reader))))
        else:
            raise BrokenError
    except BrokenError:
        yield from reader.before(ends, _ignore)
        try:
            whole = repair.mended(reader.recorded()[start:])
        except ValueError:
            raise MalformedError(NOT_JSON) from None
        call.mend(whole)


def _ignore(piece: str) -> None:
    return None


def _unpacked(text: str) -> str:
    """Arguments that came as a string."""
    if not text.strip():
        return "{}"
    if repair.is_object(text):
        return text
    try:
        found = repair.mended(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MalformedError("The arguments are not a JSON object.")
    return repair.dumps(found)


def one(
    parse: Parse, shape: Shape = USUAL, *, ends: Stops = NEVER, weak: bool = False, listed: bool = False
) -> Parsing[None]:
    """One call; the reader stands at its "{". ``ends`` is where to look no further if it is broken.

    An object in a list of calls that has neither a name nor arguments is passed over.
    """
    reader = parse.reader
    parse.call = None
    start = reader.offset
    call = _Object(parse, shape, weak)
    reader.pos += 1
    try:
        yield from call.read()
        if call.name is None:
            if listed and call.early is None:
                return
            raise NotACallError if weak else MalformedError(NO_NAME)
        assert call.call is not None
        call.call.end()
    except BrokenError:
        if weak and call.name is None:
            raise NotACallError from None
        marker = yield from reader.before(ends, _ignore)
        if not marker and ends.literals and not reader.recorded().rstrip().endswith(("}", "]")):
            raise MalformedError(CUT_OFF) from None
        call.mend(reader.recorded()[start:])
    except TruncatedError:
        if weak and call.name is None:
            raise NotACallError from None
        raise


def several(
    parse: Parse, shape: Shape = USUAL, *, ends: tuple[str, ...] = (), between: str = ",;", weak: bool = False
) -> Parsing[None]:
    """Calls in a row or in an array, up to (not with) one of ``ends`` or to what is no call."""
    reader = parse.reader
    marks = stops(*ends)
    depth = 0
    seen = False
    while True:
        yield from reader.space()
        if ends and (yield from reader.at(*ends)):
            return
        char = yield from reader.peek()
        if char == "{":
            yield from one(parse, shape, ends=marks, weak=weak, listed=seen)
            weak, seen = False, True
            reader.record()
        elif char == "[" and not depth:
            depth = 1
            reader.pos += 1
        elif char == "]" and depth:
            reader.pos += 1
            return
        elif char and char in between and (depth or ";" in between):
            reader.pos += 1
        elif char and depth and seen and char not in "]}":
            yield from values.value(reader, _ignore)  # what is no call is none of the calls
        elif char == "" and depth and not seen:
            raise TruncatedError
        elif not seen:
            raise NotACallError
        else:
            return
