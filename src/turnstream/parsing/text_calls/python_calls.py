"""Calls in Python's syntax: ``[f(a=1, b="x"), g()]``. Arguments are keywords and literals only."""

from __future__ import annotations

import ast
import re
from typing import Any

from turnstream.parsing.text_calls import repair, values
from turnstream.parsing.text_calls.answer import NOT_JSON, Answer, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Steps, Stops, stops
from turnstream.parsing.text_calls.values import Broken, Truncated

_NOT_NAME = re.compile(r"[^\w.\-]")


def one(a: Answer, *, ends: Stops, weak: bool) -> Steps[None]:
    """``NAME(key=literal, …)``; the reader stands at the name."""
    r = a.r
    a.call = None
    start = r.offset
    name = yield from r.run(_NOT_NAME, 256)
    yield from r.space()
    if not name or name[0].isdigit() or not (yield from r.take("(")):
        raise NotACall
    if weak and not a.tools.offers(name):
        raise NotACall
    it = a.start(name)
    try:
        yield from r.space()
        if (yield from r.take(")")):
            it.end()
            return
        it.emit("{")
        yield from values.value(r, it.emit, values.PYTHON, opened=")")
        it.done = True
    except Broken:
        yield from r.before(ends, lambda piece: None)
        it.mend(_keywords(r.recorded()[start:]))


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
    raise Malformed(NOT_JSON)


def _goes_on(a: Answer) -> Steps[bool]:
    """Whether a list may go on as it does after a call."""
    yield from a.r.space()
    char = yield from a.r.peek()
    return not char or char in ",]<;"


def several(a: Answer, *, ends: tuple[str, ...] = (), weak: bool = False) -> Steps[None]:
    """A list of calls, or calls one per line; up to (not with) one of ``ends`` or to what is no call."""
    r = a.r
    marks = stops(*ends)
    listed = seen = False
    while True:
        yield from r.space()
        if ends and (yield from r.at(*ends)):
            return
        char = yield from r.peek()
        if char == "[" and not listed and not seen:
            listed = True
            r.pos += 1
        elif char == "]" and listed:
            r.pos += 1
            return
        elif char and char in ",;" and seen:
            r.pos += 1
        elif char.isalpha() or char == "_":
            if seen and not listed and not ends:
                return
            yield from one(a, ends=marks, weak=weak)
            weak, seen = False, True
            if listed and not (yield from _goes_on(a)):
                assert a.call is not None
                a.call.done = False
                raise Malformed(NOT_JSON)
            r.record()
        elif not char and not seen:
            raise Truncated
        elif not seen:
            raise NotACall
        else:
            return
