"""Calls that are plain XML: an element named as the tool, or as some prompt names a call.

**State**: which element is open. **Held back**: an opening tag until its name is known, and then the tags up to the
tool's name. Ordinary XML looks the same, so only an offered tool makes a call of it (`use_mcp_tool` aside, which
nothing else is called). **What ends it**: the element's closer. **Cost**: each character once, what is held twice.
"""

from __future__ import annotations

import re
from dataclasses import replace

from turnstream.parsing.text_calls import json_calls, recovery, tagged
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import LOST, NO_NAME, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import Emit, TruncatedError
from turnstream.parsing.text_calls.tagged import Tags

_TAG = re.compile(r"[^\w.\-:]")
_NAMES = ("<tool_name>", "<invoke_name>", "<name>", "<function_name>", "<function>")
_BODIES = ("<parameters>", "<arguments>", "<args>", "<input>", "<params>")
_BODY_CLOSERS = tuple(f"</{body[1:]}" for body in _BODIES)
_LONGEST = 300
ELEMENTS = Tags(call=(), call_end=(), param=("<parameter ",), param_end=("</parameter>",), trim=True, paired=True)


def tool(parse: Parse, marker: str) -> Parsing[None]:
    """``<TOOL>`` ``<PARAM>value</PARAM>`` … ``</TOOL>``; the reader stands after the "<"."""
    reader, tools = parse.reader, parse.tools
    if not tools.known:
        raise NotACallError
    head = yield from reader.ahead(_TAG, 0, 100)
    name = head[:-1]
    alone = head[-1:] == "/" and (yield from reader.peek(len(head) + 1))[-1] == ">"
    if not name or not (alone or head[-1] == ">") or not tools.offers(name):
        raise NotACallError
    reader.pos += len(head) + alone
    if alone:
        if parse.inline or tools.missing(name, ()):
            raise NotACallError
        parse.start(name).end()
        return
    closer = f"</{name}>"
    if parse.inline:
        raise NotACallError
    yield from reader.space()
    if not (yield from reader.at(closer)) and not (yield from _parameter(parse, name)):
        raise TruncatedError if not (yield from reader.peek()) else NotACallError
    yield from recovery.recovering(parse, _members(parse, name, closer), stops(closer))
    yield from reader.take(closer)


def _parameter(parse: Parse, name: str) -> Parsing[str]:
    """The parameter whose element begins here; nothing is consumed."""
    reader = parse.reader
    if not (yield from reader.at("<")):
        return ""
    head = yield from reader.ahead(_TAG, 1, 100)
    key = head[1:-1]
    return key if head[-1:] == ">" and parse.tools.declares(name, key) else ""


def _members(parse: Parse, name: str, closer: str) -> Parsing[None]:
    reader = parse.reader
    parse.began = reader.offset
    call = parse.start(name)
    while True:
        yield from reader.space()
        if (yield from reader.take(closer)):
            call.end()
            return
        key = yield from _parameter(parse, name)
        if not key:
            if reader.cut_in(closer):
                reader.pos = len(reader.text)
                call.end()
                return
            raise MalformedError(LOST) if (yield from reader.peek()) else TruncatedError
        reader.pos += len(key) + 2
        call.member(key)
        value = parse.typed_value(call, parse.tools.types(name, key), trim=True, paired=True)
        yield from _value(parse, call, key, closer, value.push)
        value.close()


def _value(parse: Parse, call: Call, key: str, closer: str, sink: Emit) -> Parsing[None]:
    """Up to the parameter's own closer that another parameter, or the tool's closer, follows."""
    reader = parse.reader
    own = f"</{key}>"
    marks = stops(own, closer)
    while True:
        found = yield from reader.before(marks, sink)
        if not found:
            raise TruncatedError
        reader.pos += len(found)
        space = yield from reader.space()
        if found == closer:
            if not (yield from reader.at("</")):
                raise MalformedError(LOST)
        elif (
            (yield from reader.at(closer))
            or (yield from _parameter(parse, call.name))
            or not (yield from reader.peek())
            or reader.cut_in(closer)
        ):
            return
        sink(found + space)


# --------------------------------------------------------------------------------------- elements that name the tool


def read_named(parse: Parse, marker: str, closer: str, *, offered: bool) -> Parsing[None]:
    """``<server_name>…</server_name>`` ``<tool_name>N</tool_name>`` and a body, in groups up to ``closer``."""
    reader = parse.reader
    seen = False
    while True:
        yield from reader.space()
        if seen and (yield from reader.take(*_BODY_CLOSERS)):
            continue
        if seen and (yield from reader.take(closer)):
            return
        if not (yield from reader.at("<server_name>", *_NAMES)):
            if seen:
                return
            over = not (yield from reader.peek()) or reader.cut_in("<server_name>", *_NAMES)
            if over and not parse.inline and not offered:
                raise TruncatedError
            raise NotACallError
        parse.call = None
        ends = stops(closer)
        yield from recovery.recovering(parse, _group(parse, closer, offered=offered and not seen), ends)
        seen = True
        reader.record()


def _text_of(parse: Parse, tag: str) -> Parsing[str]:
    said, mark = yield from parse.reader.collect_within(_LONGEST, f"</{tag[1:]}", "<")
    if mark == "<":
        raise MalformedError(NO_NAME)
    if not mark:
        raise TruncatedError if parse.reader.ended else NotACallError
    return said.strip()


def _group(parse: Parse, closer: str, *, offered: bool) -> Parsing[None]:
    reader, tools = parse.reader, parse.tools
    if (yield from reader.take("<server_name>")):
        yield from _text_of(parse, "<server_name>")
        yield from reader.space()
    tag = yield from reader.take(*_NAMES)
    if not tag:
        if not (yield from reader.peek()):
            raise TruncatedError
        raise MalformedError(NO_NAME)
    name = yield from _text_of(parse, tag)
    if offered and not (tools.known and tools.offers(name)):
        raise NotACallError
    if not name:
        raise MalformedError(NO_NAME)
    parse.began = reader.offset
    call = parse.start(name)
    yield from reader.space()
    body = yield from reader.take(*_BODIES)
    if body:
        yield from reader.space()
    if body and (yield from reader.at("{")):
        yield from json_calls.arguments(parse, call, stops(f"</{body[1:]}", closer))
        yield from json_calls.closers(reader)
        yield from reader.space()
        closed = (yield from reader.take(f"</{body[1:]}")) or (yield from reader.at(closer))
        if not closed and (yield from reader.peek()):
            raise MalformedError(LOST)
        call.end()
        return
    ends = (f"</{body[1:]}", closer) if body else (closer, "</｜DSML｜invoke>", "</｜DSML｜tool_calls>")
    yield from tagged.members(parse, replace(ELEMENTS, call_end=ends), call)


class Element:
    """An element around the call, up to ``closer``. With ``json`` a JSON call may stand in it as well."""

    def __init__(self, closer: str, *, json: bool = False, offered: bool = True) -> None:
        self.closes = self.marks = (closer,)
        self._closer, self._json, self._offered = closer, json, offered

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        reader = parse.reader
        yield from reader.space()
        char = yield from reader.peek()
        if char == "{" and self._json:
            yield from json_calls.several(parse, ends=self.closes)
            yield from reader.space()
            yield from reader.take(*self.closes)
        else:
            yield from read_named(parse, marker, self._closer, offered=self._offered)
