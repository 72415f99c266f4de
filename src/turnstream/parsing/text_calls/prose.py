"""Calls announced by words rather than by markers: ReAct, Command R+, Functionary 3.2, fenced JSON."""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import json_calls, repair
from turnstream.parsing.text_calls.answer import CUT_OFF, NOT_JSON, Answer, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Steps, stops
from turnstream.parsing.text_calls.values import Broken, Truncated

_LINE_END = re.compile(r"\n")
_WORD_END = re.compile(r"[^\w.\-]")


def fence(a: Answer, marker: str) -> Steps[None]:
    """After an opening code fence: calls of offered tools, else the fence is text."""
    r = a.r
    yield from r.space()
    char = yield from r.peek()
    if not char or char not in "{[":
        raise NotACall
    yield from json_calls.several(a, ends=("```",), weak=True)
    yield from r.space()
    yield from r.take("```")


def action_json(a: Answer, marker: str) -> Steps[None]:
    """Command R+: ``Action:`` and a fenced array."""
    r = a.r
    yield from r.space()
    if not (yield from r.take("```json", "```")):
        raise NotACall
    yield from r.space()
    yield from json_calls.several(a, ends=("```",))
    yield from r.space()
    yield from r.take("```")


def action_input(a: Answer, marker: str) -> Steps[None]:
    """ReAct: ``Action: NAME`` and ``Action Input: …``, up to ``Observation:``. Free text is the one parameter."""
    r = a.r
    name = (yield from r.run(_LINE_END, 256)).strip()
    yield from r.space()
    if not name or not a.tools.offers(name) or not (yield from r.take("Action Input:")):
        raise Truncated if name and a.tools.offers(name) and r.cut_in("Action Input:") else NotACall
    it = a.start(name)
    yield from r.space()
    ends = ("\nObservation:", "Observation:")
    if (yield from r.at("{")):
        yield from json_calls.arguments(a, it, stops(*ends))
        yield from r.until(stops(*ends), lambda piece: None)
        it.end()
        return
    text, _ = yield from r.collect(*ends)
    keys = list(a.tools.properties(name))
    if len(keys) > 1:
        raise Malformed(NOT_JSON)
    if text.strip():
        it.member(keys[0] if keys else "input")
        it.emit(repair.dumps(text.strip().strip('"')))
    it.end()


def functionary(a: Answer, reasoning_open: bool) -> Steps[None]:
    """Functionary 3.2: ``>>>NAME`` and a line end before each part; ``all`` is text. The prompt ends with ``>>>``."""
    r = a.r
    line = yield from r.ahead(re.compile(r"[^\w.\-]"))
    known = line[:-1] == "all" or (a.tools.known and line[:-1] in a.tools.names) or line[:-1] == "python"
    if line.endswith("\n") and known:
        yield from _part(a)
    while (yield from r.until(stops(">>>"), a.out.text)):
        a.out.marker()
        yield from _part(a)


def _part(a: Answer) -> Steps[None]:
    r = a.r
    r.record()
    a.call = None
    name = yield from r.run(_WORD_END, 256)
    if not name or not (yield from r.take("\n")):
        a.out.text(">>>" + r.recorded())
        return
    if name == "all":
        return
    marks = stops(">>>")
    try:
        it = a.start(name)
        yield from r.space()
        if name == "python" and not (yield from r.at("{")):
            it.member("code")
            text: list[str] = []
            yield from r.before(marks, text.append)
            it.emit(repair.dumps("".join(text).rstrip()))
        else:
            yield from json_calls.arguments(a, it, marks)
            yield from r.space()
        it.end()
    except NotACall:
        a.out.text(">>>" + r.recorded())
    except Truncated:
        a.malformed(CUT_OFF)
    except (Broken, Malformed) as error:
        yield from r.before(marks, lambda piece: None)
        a.malformed(str(error) or NOT_JSON)
    r.forget()


def react_start(a: Answer, marker: str) -> Steps[None]:
    """An answer that begins with an action."""
    yield from a.r.space()
    if not (yield from a.r.take("Action:")):
        raise NotACall
    yield from action_input(a, marker)
