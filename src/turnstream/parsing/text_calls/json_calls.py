"""Calls that are JSON: ``{"name": …, "arguments": {…}}``, alone, in a row or in an array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from turnstream.parsing.text_calls import repair, values
from turnstream.parsing.text_calls.answer import CUT_OFF, NO_NAME, NOT_JSON, Answer, Call, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Steps, Stops, stops
from turnstream.parsing.text_calls.values import Broken, Truncated


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

    def __init__(self, a: Answer, shape: Shape, weak: bool) -> None:
        self.a, self.shape, self.weak = a, shape, weak
        self.name: str | None = None
        self.call: Call | None = None
        self.early: list[str] | None = None  # arguments that came before the name
        self.key = ""

    def named(self, name: str) -> None:
        if self.weak and not self.a.tools.offers(name):
            raise NotACall
        if not name:
            raise Malformed(NO_NAME)
        self.name = name
        self.call = self.a.start(name)
        for piece in self.early or ():
            self.call.emit(piece)

    def read(self) -> Steps[None]:
        """The members, from after the "{" to after the "}"."""
        r = self.a.r
        first = True
        while (char := (yield from values.skip(r))) != "}":
            if char == ",":
                r.pos += 1
                continue
            key = yield from values.string(r)
            self._check(key, first)
            first = False
            if (yield from values.skip(r)) != ":":
                raise Broken
            r.pos += 1
            char = yield from values.skip(r)
            yield from self._member(key, char)
        r.pos += 1

    def _check(self, key: str, first: bool) -> None:
        shape = self.shape
        if self.weak and first and not shape.keyed and key not in (*shape.name, *shape.arguments, *shape.others):
            raise NotACall

    def _member(self, key: str, char: str) -> Steps[None]:
        r, shape = self.a.r, self.shape
        if shape.keyed and self.name is None:
            self.named(key)
            yield from self._arguments(key, char)
        elif key in shape.name and self.name is None and char in "\"'":
            self.named((yield from values.string(r, shape.style)))
        elif key == "function" and char == "{":
            r.pos += 1
            yield from self.read()
        elif key in shape.arguments and self.early is None and not (self.call and self.call.given):
            yield from self._arguments(key, char)
        else:
            yield from values.value(r, _ignore)

    def _arguments(self, key: str, char: str) -> Steps[None]:
        r = self.a.r
        self.key = key
        emit = self._emit
        if char == "{":
            yield from values.value(r, emit, self.shape.style)
            return
        if char in "\"'":
            emit(_unpacked((yield from values.string(r))))
            return
        parts: list[str] = []
        yield from values.value(r, parts.append)
        text = "".join(parts)
        if text not in ("null", "[]"):
            raise Malformed("The arguments are not a JSON object.")
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
            raise Malformed(NOT_JSON) from None
        if isinstance(whole, list) and len(whole) == 1:
            whole = whole[0]
        if not isinstance(whole, dict):
            raise Malformed(NOT_JSON)
        inner = whole.get("function")
        if isinstance(inner, dict):
            whole = inner
        if self.call is None:
            self.early = None
            name = next((whole[k] for k in self.shape.name if isinstance(whole.get(k), str)), "")
            if f'"{name}"' not in raw and f"'{name}'" not in raw:
                raise Malformed(NOT_JSON)  # a guess
            self.named(name)
        assert self.call is not None
        found: Any = next((whole[k] for k in ((self.key,) if self.key else self.shape.arguments) if k in whole), {})
        if isinstance(found, str):
            found = repair.strict(_unpacked(found))
        self.call.mend(found)


def arguments(a: Answer, it: Call, ends: Stops = NEVER) -> Steps[None]:
    """The arguments alone, as one JSON object; ``ends`` is where to look no further if they are broken."""
    r = a.r
    start = r.offset
    char = yield from values.skip(r)
    try:
        if char == "{":
            yield from values.value(r, it.emit)
        elif char in "\"'":
            it.emit(_unpacked((yield from values.string(r))))
        else:
            raise Broken
    except Broken:
        yield from r.before(ends, _ignore)
        try:
            whole = repair.mended(r.recorded()[start:])
        except ValueError:
            raise Malformed(NOT_JSON) from None
        it.mend(whole)


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
        raise Malformed("The arguments are not a JSON object.")
    return repair.dumps(found)


def one(
    a: Answer, shape: Shape = USUAL, *, ends: Stops = NEVER, weak: bool = False, listed: bool = False
) -> Steps[None]:
    """One call; the reader stands at its "{". ``ends`` is where to look no further if it is broken.

    An object in a list of calls that has neither a name nor arguments is passed over.
    """
    r = a.r
    a.call = None
    start = r.offset
    it = _Object(a, shape, weak)
    r.pos += 1
    try:
        yield from it.read()
        if it.name is None:
            if listed and it.early is None:
                return
            raise NotACall if weak else Malformed(NO_NAME)
        assert it.call is not None
        it.call.end()
    except Broken:
        if weak and it.name is None:
            raise NotACall from None
        marker = yield from r.before(ends, _ignore)
        if not marker and ends.literals and not r.recorded().rstrip().endswith(("}", "]")):
            raise Malformed(CUT_OFF) from None
        it.mend(r.recorded()[start:])
    except Truncated:
        if weak and it.name is None:
            raise NotACall from None
        raise


def several(
    a: Answer, shape: Shape = USUAL, *, ends: tuple[str, ...] = (), between: str = ",;", weak: bool = False
) -> Steps[None]:
    """Calls in a row or in an array, up to (not with) one of ``ends`` or to what is no call."""
    r = a.r
    marks = stops(*ends)
    depth = 0
    seen = False
    while True:
        yield from r.space()
        if ends and (yield from r.at(*ends)):
            return
        char = yield from r.peek()
        if char == "{":
            yield from one(a, shape, ends=marks, weak=weak, listed=seen)
            weak, seen = False, True
            r.record()
        elif char == "[" and not depth:
            depth = 1
            r.pos += 1
        elif char == "]" and depth:
            r.pos += 1
            return
        elif char and char in between and (depth or ";" in between):
            r.pos += 1
        elif char and depth and seen and char not in "]}":
            yield from values.value(r, _ignore)  # what is no call is none of the calls
        elif char == "" and depth and not seen:
            raise Truncated
        elif not seen:
            raise NotACall
        else:
            return
