"""Calls in Python's syntax: ``[f(a=1, b="x"), g()]``. Arguments are keywords and literals only.

**State**: whether a list is open, and whether a call was read. **Held back**: a name until its "(" is there;
without a marker (``weak``) only an offered tool's name begins a call. **What ends it**: the list's "]", the
region's end, or what cannot be a call. What the streaming reader cannot tell at once (``**{…}``, tuples, sets) is
read by Python itself at the call's end, up to a bound. **Cost**: each character once, and once more by Python where
that is needed.
"""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import literals, recovery, values
from turnstream.parsing.text_calls.reader import Parsing, Stops, stops
from turnstream.parsing.text_calls.state import NOT_JSON, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import BrokenError, TruncatedError

_METHOD = ".call"  # Llama 3.1 has its tools as objects: ``brave_search.call(query="…")``
_NOT_NAME = re.compile(r"[^\w.\-:/]")
_BEGINS = re.compile(r"\s*(?:\)\s*(?:[,\]\n;]|\Z)|\w+\s*(?:=(?!=)|:|\Z)|\*\*|[\"'\[{\d(\-]|\Z)")
_NOT_SPACE = re.compile(r"\S")
_NOT_BETWEEN = re.compile(r"[^\s,;)}]")


def one(parse: Parse, *, ends: Stops, weak: bool) -> Parsing[bool]:
    """``NAME(key=literal, …)``; the reader stands at the name."""
    reader = parse.reader
    parse.call = None
    parse.began = reader.offset
    name = yield from reader.run(_NOT_NAME, 256)
    yield from reader.space()
    if not name or name[0].isdigit() or not (yield from reader.take("(")):
        raise NotACallError
    if name.endswith(_METHOD) and not parse.tools.offers(parse.tools.find(name)):
        name = name.removesuffix(_METHOD)
    if (weak or parse.inline) and not parse.tools.offers(parse.tools.find(name)):
        raise NotACallError
    if weak and not _BEGINS.match((yield from reader.peek(80))):
        raise NotACallError  # an expression of Python's
    call = parse.start(name)
    try:
        yield from reader.space()
        if (yield from reader.take(")")):
            call.end()
            return True
        call.emit("{")
        declared = parse.tools.schema(name)
        yield from values.value(reader, call.emit, values.PYTHON, opened=")", ends=ends, declared=declared)
        call.done = True
    except BrokenError:
        yield from _read_complete(parse, call, ends)
    return True


def _read_complete(parse: Parse, call: Call, ends: Stops) -> Parsing[None]:
    """The call as Python itself reads it, once its brackets are closed. Raises MalformedError."""
    reader = parse.reader
    yield from recovery.resync(parse, ends, brackets=recovery.PYTHON, whole=True)
    text = reader.recording()[parse.began :].strip()
    try:
        call.finish(literals.keywords(text))
    except ValueError:
        raise MalformedError(NOT_JSON) from None


def _check_one(parse: Parse, ends: Stops, weak: bool, listed: bool) -> Parsing[bool]:
    """One call. In a list, what follows it must be able to follow a call there."""
    yield from one(parse, ends=ends, weak=weak)
    if listed:
        yield from parse.reader.space()
        char = yield from parse.reader.peek()
        if char and char not in ",]<;)}" and not (ends.literals and (yield from parse.reader.at(*ends.literals))):
            assert parse.call is not None
            parse.call.done = False
            raise MalformedError(NOT_JSON)
    return True


def several(parse: Parse, *, ends: tuple[str, ...] = (), weak: bool = False) -> Parsing[None]:
    """A list of calls, or calls one per line; up to (not with) one of ``ends`` or to what cannot be a call."""
    reader = parse.reader
    marks = stops(*ends)
    listed = seen = False
    while True:
        yield from reader.run(_NOT_BETWEEN if seen else _NOT_SPACE)
        if ends and (yield from reader.at(*ends)):
            return
        char = yield from reader.peek()
        if char == "[" and not listed and not seen:
            listed = True
            reader.pos += 1
        elif char == "]" and listed:
            if not seen:
                raise NotACallError
            reader.pos += 1
            while (char := (yield from reader.peek())) and char in "])}":
                reader.pos += 1
            return
        elif char.isalpha() or char == "_":
            if seen and not listed and not ends:
                return
            read = _check_one(parse, marks, weak, listed)
            yield from recovery.recovering(parse, read, marks, brackets=recovery.PYTHON)
            weak, seen = False, True
            reader.record()
        elif not char and not seen:
            raise TruncatedError
        elif not seen:
            raise NotACallError
        else:
            return
