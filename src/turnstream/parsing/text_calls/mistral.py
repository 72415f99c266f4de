"""Mistral's calls: ``[TOOL_CALLS]`` and an array, or a name and its arguments."""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import json_calls, tags
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.regions import Region
from turnstream.parsing.text_calls.state import NotACallError, Parse

FREE = Region(())
_FIRST_KEY = re.compile(r"(?<=.)[\"'](?=\s*:)")


def _only_arguments(parse: Parse) -> Parsing[bool]:
    """Whether only arguments follow: the model said the tool's name before the marker, as text."""
    reader = parse.reader
    if (yield from reader.take("[ARGS]")):
        return True
    if (yield from reader.peek()) != "{":
        return False
    key = (yield from reader.ahead(_FIRST_KEY)).lstrip("{").strip(" \n\t\"'")
    return bool(key) and key not in ("name", "arguments", "id")


def call(parse: Parse, marker: str) -> Parsing[None]:
    """``[TOOL_CALLS]`` and an array, or a name and its arguments."""
    yield from parse.reader.space()
    if (yield from parse.reader.at("[TOOL_CALLS]")):
        return
    char = yield from parse.reader.peek()
    word = parse.out.last_word
    if (
        word.isidentifier()
        and (word in parse.tools.names or not parse.tools.known)
        and (yield from _only_arguments(parse))
    ):
        call = parse.start(word)
        yield from json_calls.arguments(parse, call, stops("[TOOL_CALLS]"))
        call.end()
        return
    try:
        yield from (FREE if char and char in "[{" else tags.MISTRAL)(parse, marker)
    except NotACallError:
        parse.out.marker()
        parse.out.text(parse.reader.recorded().removeprefix(marker))  # the marker is a token: nobody writes about it
