"""Mistral's calls: ``[TOOL_CALLS]`` and an array, or a name and its arguments."""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import json_calls, tags
from turnstream.parsing.text_calls.answer import Answer, NotACall
from turnstream.parsing.text_calls.reader import Steps, stops
from turnstream.parsing.text_calls.regions import Region

FREE = Region(())
_FIRST_KEY = re.compile(r"(?<=.)[\"'](?=\s*:)")


def _only_arguments(a: Answer) -> Steps[bool]:
    """Whether only arguments follow: the model said the tool's name before the marker, as text."""
    r = a.r
    if (yield from r.take("[ARGS]")):
        return True
    if (yield from r.peek()) != "{":
        return False
    key = (yield from r.ahead(_FIRST_KEY)).lstrip("{").strip(" \n\t\"'")
    return bool(key) and key not in ("name", "arguments", "id")


def call(a: Answer, marker: str) -> Steps[None]:
    """``[TOOL_CALLS]`` and an array, or a name and its arguments."""
    yield from a.r.space()
    if (yield from a.r.at("[TOOL_CALLS]")):
        return
    char = yield from a.r.peek()
    word = a.out.last_word
    if word.isidentifier() and (word in a.tools.names or not a.tools.known) and (yield from _only_arguments(a)):
        it = a.start(word)
        yield from json_calls.arguments(a, it, stops("[TOOL_CALLS]"))
        it.end()
        return
    try:
        yield from (FREE if char and char in "[{" else tags.MISTRAL)(a, marker)
    except NotACall:
        a.out.marker()
        a.out.text(a.r.recorded().removeprefix(marker))  # the marker is a token: nobody writes about it
