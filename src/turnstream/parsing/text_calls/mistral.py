"""Mistral's calls: ``[TOOL_CALLS]`` and an array, or a name and its arguments."""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import json_calls, recovery, tags
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.regions import Region
from turnstream.parsing.text_calls.state import NO_CALL, NO_NAME, MalformedError, NotACallError, Parse

FREE = Region(())
AGAIN = "[TOOL_CALLS]"
_FIRST_KEY = re.compile(r"(?<=.)[\"'](?=\s*:)")
_WORDS = 100


def _only_arguments(parse: Parse) -> Parsing[bool]:
    """Whether only arguments follow: the model said the tool's name before the marker, as text."""
    reader = parse.reader
    if (yield from reader.take("[ARGS]")):
        return True
    if (yield from reader.peek()) != "{":
        return False
    key = (yield from reader.ahead(_FIRST_KEY)).lstrip("{").strip(" \n\t\"'")
    return bool(key) and key not in ("name", "arguments", "id")


def _arguments(parse: Parse, name: str) -> Parsing[None]:
    reader = parse.reader
    parse.began = reader.offset
    call = parse.start(name)
    yield from json_calls.arguments(parse, call, stops(AGAIN))
    call.end()
    yield from json_calls.closers(reader)


def _nameless(parse: Parse) -> Parsing[None]:
    """Arguments of no tool: they are read to their end, so that none of them is shown."""
    parse.began = parse.reader.offset
    yield from parse.reader.space()
    raise MalformedError(NO_NAME)


def call(parse: Parse, marker: str) -> Parsing[None]:
    """``[TOOL_CALLS]`` and an array, or a name and its arguments."""
    reader = parse.reader
    yield from reader.space()
    if (yield from reader.at(AGAIN)):
        return
    char = yield from reader.peek()
    word = parse.out.last_word
    named = word.isidentifier() and (word in parse.tools.names or not parse.tools.known)
    if named and (yield from _only_arguments(parse)):
        yield from recovery.recovering(parse, _arguments(parse, word), stops(AGAIN), brackets=recovery.JSON)
        return
    if (yield from reader.take("[ARGS]")):
        yield from recovery.recovering(parse, _nameless(parse), stops(AGAIN), brackets=recovery.JSON)
        return
    start, before = reader.offset, parse.out.calls
    try:
        yield from (FREE if char and char in "[{" else tags.MISTRAL)(parse, marker)
    except NotACallError:
        if parse.out.calls != before or parse.policy.unoffered == "text":
            raise
        reader.rewind(start)
        yield from _other(parse, char)


def _other(parse: Parse, char: str) -> Parsing[None]:
    """Something else follows: words and then calls after all, words in brackets, or a text about the marker."""
    reader = parse.reader
    if parse.inline and char not in ("[", "{"):
        found = yield from reader.before_within(_WORDS, stops("[{", "\n"))
        if found[1] != "[{":
            raise NotACallError
    if char == "[" and not parse.inline:
        _, mark = yield from reader.collect_within(_WORDS, "]", "\n")
        if mark == "]":
            parse.break_call(NO_CALL)
            return
        raise NotACallError
    words, mark = yield from reader.before_within(_WORDS, stops("[{", "\n"))
    if mark != "[{":
        if parse.inline:
            raise NotACallError
        return  # a token that nothing follows
    reader.pos += len(words)
    yield from FREE(parse, "")
