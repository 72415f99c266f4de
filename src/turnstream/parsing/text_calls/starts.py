"""Calls that no marker announces: tried where an answer begins, and only sure once an offered tool's name is read."""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import json_calls, python_calls
from turnstream.parsing.text_calls.answer import Answer, NotACall
from turnstream.parsing.text_calls.reader import Steps

_SECOND = re.compile(r"(?<=\[)\s*\S")


def bare_json(a: Answer, marker: str, shape: json_calls.Shape = json_calls.USUAL) -> Steps[None]:
    """``{"name": …}``, or an array of them."""
    r = a.r
    r.pos -= len(marker)
    r.record()
    yield from r.space()
    char = yield from r.peek()
    if not char or char not in "{[":
        raise NotACall
    yield from json_calls.several(a, shape, weak=True)


def python_object(a: Answer, marker: str) -> Steps[None]:
    """The same as Python prints it."""
    yield from bare_json(a, marker, json_calls.PYTHON)


def python_list(a: Answer, marker: str) -> Steps[None]:
    """``[f(a=1), g()]``."""
    r = a.r
    r.pos -= len(marker)
    r.record()
    yield from r.space()
    if (yield from r.peek()) != "[":
        raise NotACall
    yield from python_calls.several(a, weak=True)


def python_offered(a: Answer, marker: str) -> Steps[None]:
    """The same in the middle of a text: only where the offered tools are known."""
    if not a.tools.known:
        raise NotACall
    yield from python_list(a, marker)


def any_list(a: Answer, marker: str) -> Steps[None]:
    """A list of either kind."""
    r = a.r
    r.pos -= len(marker)
    r.record()
    yield from r.space()
    found = (yield from r.ahead(_SECOND)).strip()
    if not found:
        raise NotACall
    yield from (json_calls if found[-1] == "{" else python_calls).several(a, weak=True)


def functools(a: Answer, marker: str) -> Steps[None]:
    """``functools[{…}]``: the word itself is a word, so only an array of objects makes it a call."""
    r = a.r
    r.pos -= 1
    yield from json_calls.several(a)
