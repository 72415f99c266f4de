"""Calls that no marker announces, in the member of a message that chat completions have for them:
``{"tool_calls": [{"name": …, "arguments": {…}}]}``.

**State**: none. **Held back**: the object up to its first key, then as `json_calls` does. **What ends it**: the closing
bracket, behind what else the message has. **Cost**: each character once; a wrapper in a wrapper is none.
"""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import json_calls, recovery, values
from turnstream.parsing.text_calls.reader import Parsing, Reader, stops
from turnstream.parsing.text_calls.state import NotACallError, Parse

MEMBERS = ("tool_calls", "tool_call", "function_calls", "function_call")
_NOT_SPACE = re.compile(r"\S")
_BEHIND = re.compile(r"(?<=,)\s*[^\s]|[^\s,]")


def several(parse: Parse, shape: json_calls.Shape = json_calls.USUAL, *, ends: tuple[str, ...] = ()) -> Parsing[None]:
    """As `json_calls.several`, within a wrapper or not."""
    if shape.keyed or not (yield from _enter(parse)):
        yield from json_calls.several(parse, shape, ends=ends, weak=True)
        return
    if (yield from parse.reader.at("[")):
        yield from json_calls.several(parse, shape, ends=ends, weak=True)
    else:
        read = json_calls.one(parse, shape, ends=stops(*ends), weak=True)
        yield from recovery.recovering(parse, read, stops(*ends), brackets=recovery.JSON)
        parse.reader.record()
    yield from _leave(parse.reader)


def _enter(parse: Parse) -> Parsing[bool]:
    """Whether the object is the holder of calls, as a message of chat completions has it; its key is consumed."""
    reader = parse.reader
    yield from reader.run(_NOT_SPACE)
    if not (yield from reader.at("{")):
        return False
    found = json_calls.FIRST_KEY.search((yield from reader.ahead(json_calls.FIRST_KEY)))
    if found is None or (found[1] or found[2]) not in MEMBERS:
        return False
    reader.pos += 1
    yield from values.gap(reader, values.JSON)
    yield from values.string(reader)
    if (yield from values.skip(reader)) != ":":
        raise NotACallError
    reader.pos += 1
    char = yield from values.skip(reader)
    if not char or char not in "{[":
        raise NotACallError
    return True


def _leave(reader: Reader) -> Parsing[None]:
    """Up to the wrapper's end, over what else it has."""
    while (head := (yield from reader.ahead(_BEHIND))).endswith('"'):
        reader.pos += len(head) - 1
        yield from values.string(reader)
        if (yield from values.skip(reader)) != ":":
            return
        reader.pos += 1
        yield from values.skip(reader)
        yield from values.value(reader, values.ignore)
    if head.endswith("}"):
        reader.pos += len(head)
    reader.record()
