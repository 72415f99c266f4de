"""Calls that no marker announces: tried where an answer or a line begins, and given back where they are text."""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import elements, json_calls, python_calls, wrappers
from turnstream.parsing.text_calls.reader import Parsing
from turnstream.parsing.text_calls.state import NotACallError, Parse

_SECOND = re.compile(r"(?<=\[)\s*\S")


def _stand_before(parse: Parse, marker: str) -> Parsing[str]:
    """Stand before the marker, which is part of the call, and behind white space; the next character."""
    reader = parse.reader
    reader.pos -= len(marker)
    reader.record()
    yield from reader.space()
    return (yield from reader.peek())


def bare_json(parse: Parse, marker: str, shape: json_calls.Shape = json_calls.USUAL) -> Parsing[None]:
    """``{"name": …}``, or an array of them."""
    char = yield from _stand_before(parse, marker)
    if not char or char not in "{[":
        raise NotACallError
    yield from wrappers.several(parse, shape)


def announce(parse: Parse, marker: str) -> Parsing[None]:
    """The same after a colon, which is text."""
    parse.out.text(": ")
    yield from bare_json(parse, '{"')


def bare_call(parse: Parse, marker: str) -> Parsing[None]:
    """The same, and an object with nothing but a name."""
    yield from bare_json(parse, marker, json_calls.BARE)


def python_object(parse: Parse, marker: str) -> Parsing[None]:
    """The same as Python prints it."""
    yield from bare_json(parse, marker, json_calls.PYTHON)


def python_list(parse: Parse, marker: str) -> Parsing[None]:
    """``[f(a=1), g()]``."""
    if (yield from _stand_before(parse, marker)) != "[":
        raise NotACallError
    yield from python_calls.several(parse, weak=True)


def python_offered(parse: Parse, marker: str) -> Parsing[None]:
    """The same in the middle of a text: only where the offered tools are known."""
    if not parse.tools.known:
        raise NotACallError
    yield from python_list(parse, marker)


def any_list(parse: Parse, marker: str) -> Parsing[None]:
    """A list of either kind."""
    yield from _stand_before(parse, marker)
    found = (yield from parse.reader.ahead(_SECOND)).strip()
    if not found:
        raise NotACallError
    yield from (json_calls if found[-1] == "{" else python_calls).several(parse, weak=True)


def functools(parse: Parse, marker: str) -> Parsing[None]:
    """``functools[{…}]``: the word itself is a word, so only an array of objects makes it a call."""
    parse.reader.pos -= 1
    yield from json_calls.several(parse)


def element(parse: Parse, marker: str) -> Parsing[None]:
    """``<TOOL>`` with an element for each parameter."""
    if (yield from _stand_before(parse, marker)) != "<":
        raise NotACallError
    parse.reader.pos += 1
    yield from elements.tool(parse, "<")
