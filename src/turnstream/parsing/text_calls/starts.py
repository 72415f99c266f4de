"""Calls that no marker announces: tried where an answer begins, and only sure once an offered tool's name is read."""

from __future__ import annotations

from turnstream.parsing.text_calls import json_calls, python_calls
from turnstream.parsing.text_calls.answer import Answer, NotACall
from turnstream.parsing.text_calls.reader import Steps


def bare_json(a: Answer, marker: str) -> Steps[None]:
    """``{"name": …}``, or an array of them."""
    r = a.r
    r.pos -= len(marker)
    r.record()
    yield from r.space()
    char = yield from r.peek()
    if not char or char not in "{[":
        raise NotACall
    yield from json_calls.several(a, weak=True)


def python_list(a: Answer, marker: str) -> Steps[None]:
    """``[f(a=1), g()]``."""
    r = a.r
    r.pos -= len(marker)
    r.record()
    yield from r.space()
    if (yield from r.peek()) != "[":
        raise NotACall
    yield from python_calls.several(a, weak=True)
