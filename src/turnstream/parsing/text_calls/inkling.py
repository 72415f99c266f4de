"""Inkling's messages: a header with the tool's name, a token that says what the body is, the body.

**Held back**: a header, at most `LONGEST` characters. The prompt may hold the token before the first header already, so
a word with which the answer begins is one if such a token follows it. **What ends it**: ``<|end_message|>``.
"""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import recovery, strict
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import NO_NAME, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import TruncatedError

KINDS = (
    "<|content_text|>",
    "<|content_thinking|>",
    "<|content_invoke_tool_json|>",
    "<|content_invoke_tool_text|>",
    "<|content_tool_error|>",
)
END = "<|end_message|>"
LONGEST = 200
RAW = "The tool does not take raw text."
_NAME_END = re.compile(r"[^\w.\-:/]")


class _Header:
    skips = True

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        """``<|message_model|>``, a name or none, and what the message is."""
        reader = parse.reader
        head, mark = yield from reader.collect_within(LONGEST, *KINDS, END, "<|message_model|>")
        reader.pos -= len(mark)
        if not mark and reader.ended and not _NAME_END.search(reader.text, reader.pos):
            reader.pos = len(reader.text)  # the stream ended within the header's name
        parse.header = head.strip() if mark in KINDS else None


header = _Header()


def start(parse: Parse, marker: str) -> Parsing[None]:
    """An answer that begins with a header's name."""
    reader = parse.reader
    head = yield from reader.ahead(_NAME_END, 0, LONGEST)
    if head[-1:] != "<":
        raise NotACallError
    found = yield from reader.ahead(_KIND_END, len(head) - 1, LONGEST)
    if not found[len(head) - 1 :] or found[len(head) - 1 :] not in KINDS or len(head) < 2:
        raise NotACallError
    parse.header = head[:-1]
    reader.pos += len(head) - 1


_KIND_END = re.compile(r">|[^<|\w]")


def text_call(parse: Parse, marker: str) -> Parsing[None]:
    """A call whose body is raw text: the argument of a tool that has one parameter."""
    parse.call = None
    if parse.header is None:
        return  # no header names a tool: it is text
    yield from recovery.recovering(parse, _text_call(parse, parse.header), stops(END))
    parse.header = None


def _text_call(parse: Parse, name: str) -> Parsing[None]:
    reader, tools = parse.reader, parse.tools
    if not name:
        raise MalformedError(NO_NAME)
    call = parse.start(name)
    keys = list(tools.properties(name))
    if len(keys) != 1:
        raise MalformedError(RAW)
    body, mark = yield from reader.collect_before(END)
    if not mark:
        raise TruncatedError
    call.member(keys[0])
    call.emit(strict.dumps(body))
    call.end()
