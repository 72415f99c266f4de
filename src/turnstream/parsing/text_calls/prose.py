"""Calls announced by words rather than by markers: ReAct, Command R+, Functionary 3.2, fenced JSON."""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import json_calls, repair
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import CUT_OFF, NOT_JSON, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.values import BrokenError, TruncatedError

_LINE_END = re.compile(r"\n")
_WORD_END = re.compile(r"[^\w.\-]")


def fence(parse: Parse, marker: str) -> Parsing[None]:
    """After an opening code fence: calls of offered tools, else the fence is text."""
    reader = parse.reader
    yield from reader.space()
    char = yield from reader.peek()
    if not char or char not in "{[":
        raise NotACallError
    yield from json_calls.several(parse, ends=("```",), weak=True)
    yield from reader.space()
    yield from reader.take("```")


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
    if not name or not parse.tools.offers(name) or not (yield from reader.take("Action Input:")):
        raise TruncatedError if name and parse.tools.offers(name) and reader.cut_in("Action Input:") else NotACallError
    call = parse.start(name)
    yield from reader.space()
    ends = ("\nObservation:", "Observation:")
    if (yield from reader.at("{")):
        yield from json_calls.arguments(parse, call, stops(*ends))
        yield from reader.until(stops(*ends), lambda piece: None)
        call.end()
        return
    text, _ = yield from reader.collect(*ends)
    keys = list(parse.tools.properties(name))
    if len(keys) > 1:
        raise MalformedError(NOT_JSON)
    if text.strip():
        call.member(keys[0] if keys else "input")
        call.emit(repair.dumps(text.strip().strip('"')))
    call.end()


def functionary(parse: Parse, reasoning_open: bool) -> Parsing[None]:
    """Functionary 3.2: ``>>>NAME`` and a line end before each part; ``all`` is text. The prompt ends with ``>>>``."""
    reader = parse.reader
    line = yield from reader.ahead(re.compile(r"[^\w.\-]"))
    known = line[:-1] == "all" or (parse.tools.known and line[:-1] in parse.tools.names) or line[:-1] == "python"
    if line.endswith("\n") and known:
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
        parse.out.text(">>>" + reader.recorded())
        return
    if name == "all":
        return
    marks = stops(">>>")
    try:
        call = parse.start(name)
        yield from reader.space()
        if name == "python" and not (yield from reader.at("{")):
            call.member("code")
            text: list[str] = []
            yield from reader.before(marks, text.append)
            call.emit(repair.dumps("".join(text).rstrip()))
        else:
            yield from json_calls.arguments(parse, call, marks)
            yield from reader.space()
        call.end()
    except NotACallError:
        parse.out.text(">>>" + reader.recorded())
    except TruncatedError:
        parse.malformed(CUT_OFF)
    except (BrokenError, MalformedError) as error:
        yield from reader.before(marks, lambda piece: None)
        parse.malformed(str(error) or NOT_JSON)
    reader.forget()


def react_start(parse: Parse, marker: str) -> Parsing[None]:
    """An answer that begins with an action."""
    yield from parse.reader.space()
    if not (yield from parse.reader.take("Action:")):
        raise NotACallError
    yield from action_input(parse, marker)
