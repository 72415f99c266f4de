"""Calls announced by words rather than by markers: ReAct, Command R+, Functionary 3.2, fenced JSON.

**State**: none but the call. **Held back**: the announcing words, until a call follows them. Words may always be text,
so without an offered tool, or where nothing that can be a call follows, they are. **What ends it**: the words or the
fence that the family ends it with. **Cost**: each character once, what was not a call twice.
"""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import json_calls, python_calls, recovery, strict, wrappers
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import NOT_JSON, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import TruncatedError
from turnstream.parsing.text_calls.values import ignore

_LINE_END = re.compile(r"\n")
_WORD_END = re.compile(r"[^\w.\-]")
_OBSERVATION = ("\nObservation:", "Observation:")
MARKED_FENCES = ("```json", "```tool_call", "```tool_code", "```tool")
_FENCES = ("```json", "```tool_call", "```python", "```")
_CONSTRAINTS = ("<|constrain|>", "<|channel|>", "<|message|>", "json", "code", "commentary")


class FenceEngine:
    """After an opening code fence: calls of offered tools, else the fence is text."""

    marks = ("```",)

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        reader = parse.reader
        if parse.out.fenced or (marker == "```" and parse.inline):
            raise NotACallError  # the end of another fence, or code within a line
        yield from reader.space()
        char = yield from reader.peek()
        if marker == "```tool_code" and (char.isalpha() or char == "["):
            yield from reader.take("print(")  # Gemma 3
            yield from python_calls.several(parse, ends=("```",), weak=True)
        elif char and char in "{[":
            yield from wrappers.several(parse, ends=("```",))
        else:
            raise NotACallError
        yield from reader.space()
        yield from reader.take("```")


fence = FenceEngine()


def recipient(parse: Parse, marker: str) -> Parsing[None]:
    """Harmony without its tokens, where a server has taken them out: ``commentary to=functions.NAME json{…}``."""
    reader = parse.reader
    name = yield from reader.run(_WORD_END, 256)
    if not parse.tools.known or not parse.tools.offers(name):
        raise NotACallError
    yield from reader.space()
    while (yield from reader.take(*_CONSTRAINTS)):
        yield from reader.space()
    if not (yield from reader.at("{")):
        raise NotACallError
    call = parse.start(name)
    parse.began = reader.offset
    yield from recovery.recovering(parse, _object(parse, call), stops("<|call|>", "<|end|>"), brackets=recovery.JSON)


def _object(parse: Parse, call: Call) -> Parsing[None]:
    yield from json_calls.arguments(parse, call)
    call.end()


def heading(parse: Parse, marker: str) -> Parsing[None]:
    """RWKV: ``**Tool Call:**`` and a fenced call."""
    reader = parse.reader
    yield from reader.space()
    if not (yield from reader.take(*_FENCES)):
        raise NotACallError
    yield from fence(parse, marker)


def action_json(parse: Parse, marker: str) -> Parsing[None]:
    """Command R+: ``Action:`` and a fenced array."""
    reader = parse.reader
    yield from reader.space()
    if not (yield from reader.take("```json", "```")):
        raise NotACallError
    yield from reader.space()
    yield from json_calls.several(parse, ends=("```",))
    yield from reader.space()
    yield from reader.take("```")


def action_input(parse: Parse, marker: str) -> Parsing[None]:
    """ReAct: ``Action: NAME`` and ``Action Input: …``, up to ``Observation:``. Free text is the one parameter."""
    reader = parse.reader
    name = (yield from reader.run(_LINE_END, 256)).strip()
    yield from reader.space()
    offered = bool(name) and parse.tools.offers(name)
    if not offered or not (yield from reader.take("Action Input:")):
        raise TruncatedError if offered and reader.cut_in("Action Input:") else NotACallError
    call = parse.start(name)
    yield from reader.space()
    parse.began = reader.offset
    yield from recovery.recovering(parse, _input(parse, call), stops(*_OBSERVATION), brackets=recovery.JSON)
    yield from reader.take(*_OBSERVATION)


def _input(parse: Parse, call: Call) -> Parsing[None]:
    reader = parse.reader
    if (yield from reader.at("{")):
        yield from json_calls.arguments(parse, call, stops(*_OBSERVATION))
        yield from reader.before(stops(*_OBSERVATION), ignore)
        call.end()
        return
    text, _ = yield from reader.collect_before(*_OBSERVATION)
    keys = list(parse.tools.properties(call.name))
    if len(keys) > 1:
        raise MalformedError(NOT_JSON)
    if text.strip():
        call.member(keys[0] if keys else "input")
        call.emit(strict.dumps(text.strip().strip('"')))
    call.end()


def functionary(parse: Parse, reasoning_open: bool) -> Parsing[None]:
    """Functionary 3.2: ``>>>NAME`` and a line end before each part; ``all`` is text. The prompt ends with ``>>>``."""
    reader, tools = parse.reader, parse.tools
    line = yield from reader.ahead(re.compile(r"[^\w.\-]"))
    name = line[:-1]
    if line.endswith("\n") and (name in ("all", "python") or (tools.known and tools.offers(name))):
        yield from _part(parse)
    while (yield from reader.until(stops(">>>"), parse.out.text)):
        parse.out.marker()
        yield from _part(parse)


def _part(parse: Parse) -> Parsing[None]:
    reader = parse.reader
    reader.record()
    parse.call = None
    name = yield from reader.run(_WORD_END, 256)
    if not name or not (yield from reader.take("\n")):
        parse.out.text(">>>" + reader.recording())
        return
    if name == "all":
        return
    parse.began = reader.offset
    try:
        yield from recovery.recovering(parse, _body(parse, name), stops(">>>"), brackets=recovery.JSON)
    except NotACallError:
        parse.out.text(">>>" + reader.recording())
    reader.forget()


def _body(parse: Parse, name: str) -> Parsing[None]:
    reader = parse.reader
    call = parse.start(name)
    yield from reader.space()
    if name == "python" and not (yield from reader.at("{")):
        call.member("code")
        text: list[str] = []
        yield from reader.before(stops(">>>"), text.append)
        call.emit(strict.dumps("".join(text).rstrip()))
    else:
        yield from json_calls.arguments(parse, call, stops(">>>"))
        yield from json_calls.closers(reader)
        yield from reader.space()
    call.end()


def react_start(parse: Parse, marker: str) -> Parsing[None]:
    """An answer that begins with an action."""
    yield from parse.reader.space()
    if not (yield from parse.reader.take("Action:")):
        raise NotACallError
    yield from action_input(parse, marker)
