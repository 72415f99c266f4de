"""Calls that are JSON: ``{"name": …, "arguments": {…}}``, alone, in a row or in an array.

**State**: the name, once it is known; the arguments, if they came before it; the other members. **Held back**: with a
marker before the call nothing but arguments that came before the name. Without one (``weak``) all of it, until an
offered tool's name and an object of arguments are there: JSON that has other members is an answer, and so is a tool's
printed definition. **What ends it**: the closing bracket, or the region's end where only brackets are missing. A
broken call ends where `recovery` says; the others of its array are read. **Cost**: each character once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from turnstream.parsing.text_calls import recovery, schema, strict, values
from turnstream.parsing.text_calls.reader import Parsing, Reader, Stops, stops
from turnstream.parsing.text_calls.state import LOST, NO_NAME, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import BrokenError, TruncatedError
from turnstream.parsing.text_calls.values import NEVER

PASSED = 64
"""So many other values are passed over in a list of calls."""
NOT_AN_OBJECT = "The arguments are not a JSON object."
_AFTER_OBJECT = re.compile(r"[^\s,]")
_NOT_SPACE = re.compile(r"\S")
_NOT_BETWEEN = re.compile(r"[^\s,;}]")
_SECOND = re.compile(r"(?<=\[)\s*\S")
_LIKE_ARGUMENTS = re.compile(r"(?:\w+_)?(?:arg(?:ument)?s?|param(?:eter)?s?|inputs?|kwargs)", re.IGNORECASE)
FIRST_KEY = re.compile(r"""\{\s*(?:"([^"\\]{0,80})"|'([^'\\]{0,80})'|([\w.\-]+)\s*[:=]|[^"'\w\s])""")
_SCHEMAS = frozenset(("type", "properties", "required", "$schema", "$defs", "additionalProperties"))


@dataclass(frozen=True, slots=True)
class Shape:
    """Which members of the object hold the tool's name and its arguments. ``others`` may come before them."""

    name: tuple[str, ...] = ("name", "tool_name", "function", "function_name", "tool", "action")
    arguments: tuple[str, ...] = ("arguments", "parameters", "args", "params", "input", "kwargs", "action_input")
    others: tuple[str, ...] = ("type", "id", "tool_call_id", "index", "call_id")
    style: values.Style = values.JSON
    keyed: bool = False
    """The one member is the call: its key is the name and its value the arguments."""
    bare: bool = False
    """A name alone is a call, also without a marker."""


USUAL = Shape()
BARE = Shape(bare=True)
KEYED = Shape(keyed=True)
PYTHON = Shape(style=values.Style(python=True))
"""The same as Python prints it."""


class _Object:
    """One call's object while it is read."""

    __slots__ = ("call", "complete", "early", "ends", "name", "others", "parse", "shape", "weak")

    def __init__(self, parse: Parse, shape: Shape, ends: Stops, weak: bool) -> None:
        self.parse, self.shape, self.ends, self.weak = parse, shape, ends, weak
        self.name: str | None = None
        self.call: Call | None = None
        self.early: list[str] | None = None  # arguments that came before the name
        self.complete = False  # the arguments are there, whole
        self.others: dict[str, str] = {}  # members that are neither

    def read(self) -> Parsing[None]:
        """The members, from after the "{" to after the "}"."""
        reader = self.parse.reader
        while True:
            yield from values.gap(reader, values.JSON)
            if self.ends.literals and (yield from reader.at(*self.ends.literals)):
                return
            char = yield from reader.peek()
            if not char and self.complete and not any(end.startswith("</") for end in self.ends.literals):
                return  # only the last bracket is missing, and a token at most
            if not char:
                raise TruncatedError
            if char in "}])":
                reader.pos += char == "}"
                return
            if char == ",":
                reader.pos += 1
                continue
            key = yield from values.string(reader, ends=self.ends)
            self._check(key)
            if (yield from values.skip(reader)) != ":":
                raise BrokenError
            reader.pos += 1
            char = yield from values.skip(reader)
            yield from self._member(key, char)

    def _check(self, key: str) -> None:
        """Without a marker, a key that no call has tells an answer from a call."""
        shape = self.shape
        if not self.weak or shape.keyed or self.complete or key in (*shape.name, *shape.arguments, *shape.others):
            return
        if self.name is None or not self._is_like_arguments(key):
            raise NotACallError

    def _member(self, key: str, char: str) -> Parsing[None]:
        reader, shape = self.parse.reader, self.shape
        if shape.keyed and self.name is None:
            self._set_name(key)
            yield from self._arguments(key, char)
        elif key in shape.name and self.name is None and char in "\"'":
            said = yield from values.string(reader, shape.style, self.ends)
            if key == "action" and not self.parse.tools.offers(said.strip()):  # the word means much else
                self._pass(key, strict.dumps(said))
            else:
                self._set_name(said)
        elif key == "function" and char == "{":
            reader.pos += 1
            yield from self.read()
        elif not self.complete and (key in shape.arguments or (char == "{" and self._is_like_arguments(key))):
            yield from self._arguments(key, char)
        else:
            parts: list[str] = []
            yield from values.value(reader, parts.append, shape.style, ends=self.ends)
            self.others[key] = "".join(parts)

    def _pass(self, key: str, value: str) -> None:
        if self.weak and self.name is None:
            raise NotACallError
        self.others[key] = value

    def _is_like_arguments(self, key: str) -> bool:
        """Whether the object is the arguments under an unusual key."""
        declared = self.name is not None and self.parse.tools.declares(self.name, key)
        return not declared and _LIKE_ARGUMENTS.fullmatch(key) is not None

    def _set_name(self, name: str) -> None:
        name = self.parse.tools.find(name.strip())
        if self.weak and not self.parse.tools.offers(name):
            raise NotACallError
        if not name:
            raise MalformedError(NO_NAME)
        self.name = name
        if not self.weak:
            self._start()

    def _start(self) -> None:
        if self.call is None:
            assert self.name is not None
            self.call = self.parse.start(self.name)
            for piece in self.early or ():
                self.call.emit(piece)

    def _arguments(self, key: str, char: str) -> Parsing[None]:
        reader = self.parse.reader
        if char == "{":
            if self.weak:
                yield from self._look_ahead()
            declared = self.parse.tools.schema(self.name) if self.name else None
            yield from values.value(reader, self._emit, self.shape.style, ends=self.ends, declared=declared)
        elif char in "\"'":
            said = yield from values.string(reader, values.JSON, self.ends)
            self._emit(self._unpack(said))
        else:
            if self.weak:
                raise NotACallError
            parts: list[str] = []
            yield from values.value(reader, parts.append, ends=self.ends)
            if "".join(parts) not in ("null", "[]"):
                raise MalformedError(NOT_AN_OBJECT)
            self._emit("{}")
        self.complete = True

    def _look_ahead(self) -> Parsing[None]:
        """Whether an unmarked object of arguments can be one, as far as its first key tells. May begin the call."""
        tools = self.parse.tools
        head = yield from self.parse.reader.ahead(FIRST_KEY)
        found = FIRST_KEY.search(head)
        key = (found[1] or found[2] or found[3] or "") if found else ""
        if self.name is None:
            if key and not tools.anybody_declares(key):
                raise NotACallError
        elif key not in _SCHEMAS or tools.declares(self.name, key):
            self._start()

    def _unpack(self, text: str) -> str:
        """Arguments that came as a string."""
        declared = self.parse.tools.schema(self.name) if self.name else None
        try:
            return unpack(text, declared)
        except MalformedError:
            if self.weak and self.call is None:
                raise NotACallError from None
            raise

    def _emit(self, piece: str) -> None:
        if self.call is not None:
            self.call.emit(piece)
        elif self.early is None:
            self.early = [piece]
        else:
            self.early.append(piece)

    @property
    def begun(self) -> bool:
        """Whether the stream ended in what would have been a call of an offered tool."""
        if self.name is None or not self.parse.tools.known:
            return False
        self._start()
        return True

    def finish(self) -> None:
        """The object is whole. Raises NotACallError or MalformedError."""
        if self.name is None or (self.weak and not self.complete and not (self.shape.bare and not self.others)):
            raise NotACallError if self.weak else MalformedError(NO_NAME)
        if self.call is None and self._is_definition():
            raise NotACallError
        self._start()
        assert self.call is not None
        if self.complete:
            if self._stray():
                raise MalformedError(LOST)
        else:
            self.call.emit(self._beside())
        self.call.end()

    def _is_definition(self) -> bool:
        """Whether this is the definition of a tool, printed."""
        if "description" in self.others:
            return True
        try:
            return schema.is_schema(strict.loads("".join(self.early or ()), raw_newlines=True))
        except ValueError:
            return False

    def _stray(self) -> bool:
        """Whether an argument of the tool stands beside its arguments."""
        assert self.name is not None
        tools, shape = self.parse.tools, self.shape
        more = (value for key, value in self.others.items() if key in shape.arguments)
        if any(value not in ("{}", "null", '""', "[]") for value in more):
            return True  # arguments stand there twice
        return any(key not in shape.others and tools.declares(self.name, key) for key in self.others)

    def _beside(self) -> str:
        """The arguments that stand beside the name: an object under an unusual key, or the tool's parameters."""
        assert self.name is not None
        tools, name = self.parse.tools, self.name
        others = {k: v for k, v in self.others.items() if k not in self.shape.others or tools.declares(name, k)}
        if not others:
            return ""
        if all(tools.declares(name, key) for key in others):
            return "{" + ", ".join(f"{strict.dumps(key)}: {value}" for key, value in others.items()) + "}"
        if len(others) == 1:
            ((key, value),) = others.items()
            if _LIKE_ARGUMENTS.fullmatch(key) and value[:1] == '"':
                return unpack(strict.loads(value, raw_newlines=True), tools.schema(name))
        raise MalformedError(LOST)


def unpack(text: str, declared: Mapping[str, Any] | None = None) -> str:
    """Arguments that came as a string, as a JSON object. Raises MalformedError."""
    if not text.strip():
        return "{}"
    if strict.is_object(text):
        return text
    try:
        found = values.convert(text, declared=declared)
    except ValueError:
        found = ""
    if found[:1] != "{":
        raise MalformedError(NOT_AN_OBJECT)
    return found


def arguments(parse: Parse, call: Call, ends: Stops = NEVER) -> Parsing[None]:
    """The arguments alone, as one JSON object; ``ends`` is where they end if their last brackets are missing."""
    reader = parse.reader
    declared = parse.tools.schema(call.name)
    parse.began, parse.json = reader.offset, True
    char = yield from values.skip(reader)
    if char == "{":
        yield from values.value(reader, call.emit, ends=ends, declared=declared)
    elif char in "\"'":
        call.emit(unpack((yield from values.string(reader, ends=ends)), declared))
    else:
        raise BrokenError
    if (yield from _goes_on(reader)):
        raise BrokenError  # a bracket closed the arguments before their end
    parse.json = False


def _goes_on(reader: Reader) -> Parsing[bool]:
    """Whether another member follows what was closed; nothing is consumed."""
    return (yield from reader.ahead(_AFTER_OBJECT))[-1:] in ("'", '"', ":")


def one(
    parse: Parse, shape: Shape = USUAL, *, ends: Stops = NEVER, weak: bool = False, listed: bool = False
) -> Parsing[bool]:
    """One call; the reader stands at its "{". Whether there was one.

    An object in a list of calls that has neither a name nor arguments is passed over.
    """
    reader = parse.reader
    parse.call = None
    parse.began = reader.offset
    found = _Object(parse, shape, ends, weak)
    reader.pos += 1
    try:
        yield from found.read()
        if listed and found.name is None and not found.complete:
            return True
        if not found.complete and (yield from _goes_on(reader)):
            raise BrokenError
        found.finish()
    except BrokenError:
        if weak and found.call is None:
            raise NotACallError from None
        raise
    except TruncatedError:
        if weak and found.call is None and not found.begun:
            raise NotACallError from None
        raise
    return True


def closers(reader: Reader, marks: tuple[str, ...] = ()) -> Parsing[None]:
    """Consume brackets that were closed once too often, right here or before one of the markers."""
    while (char := (yield from reader.peek())) and char in "}])":
        reader.pos += 1


def several(parse: Parse, shape: Shape = USUAL, *, ends: tuple[str, ...] = (), weak: bool = False) -> Parsing[None]:
    """Calls in a row or in an array, up to (not with) one of ``ends`` or to what cannot be a call."""
    reader = parse.reader
    marks = stops(*ends)
    depth = passed = 0
    seen = False
    while True:
        between = yield from reader.run(_NOT_BETWEEN if seen else _NOT_SPACE)
        if ends and (yield from reader.at(*ends)):
            if depth and not seen:
                raise NotACallError
            return
        char = yield from reader.peek()
        if char == "{":
            read = one(parse, shape, ends=marks, weak=weak, listed=seen)
            yield from recovery.recovering(parse, read, marks, brackets=recovery.JSON)
            weak, seen = False, True
            reader.record()
            if not depth:
                yield from closers(reader)
        elif char == "[" and not depth and (not seen or (yield from reader.ahead(_SECOND)).endswith("{")):
            depth = 1
            reader.pos += 1
        elif char == "]" and depth:
            if not seen:
                raise NotACallError
            reader.pos += 1
            yield from closers(reader)
            return
        elif char and depth and seen and char not in "]}" and "," in between and passed < PASSED:
            passed += 1
            yield from values.value(reader, values.ignore)  # a list of calls may hold something else, too
        elif char == "" and depth and not seen:
            raise TruncatedError
        elif not seen:
            raise NotACallError
        else:
            return
