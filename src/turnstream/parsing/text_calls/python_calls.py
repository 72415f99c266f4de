"""Calls in Python's syntax: ``[f(a=1, b="x"), g()]``. Arguments are keywords and literals only."""

from __future__ import annotations

import ast
import re
from typing import Any

from turnstream.parsing.text_calls import repair, values
from turnstream.parsing.text_calls.reader import Parsing, Stops, stops
from turnstream.parsing.text_calls.state import NOT_JSON, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.values import BrokenError, TruncatedError

_NOT_NAME = re.compile(r"[^\w.\-]")


def one(parse: Parse, *, ends: Stops, weak: bool) -> Parsing[None]:
    """``NAME(key=literal, …)``; the reader stands at the name."""
    reader = parse.reader
    parse.call = None
    start = reader.offset
    name = yield from reader.run(_NOT_NAME, 256)
    yield from reader.space()
    if not name or name[0].isdigit() or not (yield from reader.take("(")):
        raise NotACallError
    if weak and not parse.tools.offers(name):
        raise NotACallError
    call = parse.start(name)
    try:
        yield from reader.space()
        if (yield from reader.take(")")):
            call.end()
            return
        call.emit("{")
        yield from values.value(reader, call.emit, values.PYTHON, opened=")")
        call.done = True
    except BrokenError:
        yield from reader.before(ends, lambda piece: None)
        call.mend(_keywords(reader.recorded()[start:]))


def _keywords(raw: str) -> dict[str, Any]:
    """The arguments of the call that ``raw`` begins with, as Python itself reads them. Raises Malformed."""
    text = raw.rstrip().rstrip("]").rstrip()
    try:
        call = ast.parse(text, mode="eval").body
        if isinstance(call, ast.Call) and not call.args:
            found = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords if k.arg}
            repair.dumps(found)
            return found
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        pass
    raise MalformedError(NOT_JSON)


def _goes_on(parse: Parse) -> Parsing[bool]:
    """Whether a list may go on as it does after a call."""
    yield from parse.reader.space()
    char = yield from parse.reader.peek()
    return not char or char in ",]<;"


def several(parse: Parse, *, ends: tuple[str, ...] = (), weak: bool = False) -> Parsing[None]:
    """A list of calls, or calls one per line; up to (not with) one of ``ends`` or to what is no call."""
    reader = parse.reader
    marks = stops(*ends)
    listed = seen = False
    while True:
        yield from reader.space()
        if ends and (yield from reader.at(*ends)):
            return
        char = yield from reader.peek()
        if char == "[" and not listed and not seen:
            listed = True
            reader.pos += 1
        elif char == "]" and listed:
            reader.pos += 1
            return
        elif char and char in ",;" and seen:
            reader.pos += 1
        elif char.isalpha() or char == "_":
            if seen and not listed and not ends:
                return
            yield from one(parse, ends=marks, weak=weak)
            weak, seen = False, True
            if listed and not (yield from _goes_on(parse)):
                assert parse.call is not None
                parse.call.done = False
                raise MalformedError(NOT_JSON)
            reader.record()
        elif not char and not seen:
            raise TruncatedError
        elif not seen:
            raise NotACallError
        else:
            return
