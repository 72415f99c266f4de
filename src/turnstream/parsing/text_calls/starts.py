"""Calls that no marker announces: tried where an answer begins, and only sure once an offered tool's name is read."""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import json_calls, python_calls
from turnstream.parsing.text_calls.reader import Parsing
from turnstream.parsing.text_calls.state import NotACallError, Parse

_SECOND = re.compile(r"(?<=\[)\s*\S")


def bare_json(parse: Parse, marker: str, shape: json_calls.Shape = json_calls.USUAL) -> Parsing[None]:
    """``{"name": …}``, or an array of them."""
    reader = parse.reader
    reader.pos -= len(marker)
    reader.record()
    yield from reader.space()
    char = yield from reader.peek()
    if not char or char not in "{[":
        raise NotACallError
    yield from json_calls.several(parse, shape, weak=True)


def python_object(parse: Parse, marker: str) -> Parsing[None]:
    """The same as Python prints it."""
    yield from bare_json(parse, marker, json_calls.PYTHON)


def python_list(parse: Parse, marker: str) -> Parsing[None]:
    """``[f(a=1), g()]``."""
    reader = parse.reader
    reader.pos -= len(marker)
    reader.record()
    yield from reader.space()
    if (yield from reader.peek()) != "[":
        raise NotACallError
    yield from python_calls.several(parse, weak=True)


def python_offered(parse: Parse, marker: str) -> Parsing[None]:
    """The same in the middle of a text: only where the offered tools are known."""
    if not parse.tools.known:
        raise NotACallError
    yield from python_list(parse, marker)


def any_list(parse: Parse, marker: str) -> Parsing[None]:
    """A list of either kind."""
    reader = parse.reader
    reader.pos -= len(marker)
    reader.record()
    yield from reader.space()
    found = (yield from reader.ahead(_SECOND)).strip()
    if not found:
        raise NotACallError
    yield from (json_calls if found[-1] == "{" else python_calls).several(parse, weak=True)


def functools(parse: Parse, marker: str) -> Parsing[None]:
    """``functools[{…}]``: the word itself is a word, so only an array of objects makes it a call."""
    reader = parse.reader
    reader.pos -= 1
    yield from json_calls.several(parse)
