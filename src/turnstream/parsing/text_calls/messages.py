"""Protocols of messages: each has a header that says whether its body is reasoning, text or a call."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from turnstream.events import ReasoningDelta, TextDelta
from turnstream.parsing.text_calls import json_calls, tagged
from turnstream.parsing.text_calls.answer import CUT_OFF, NOT_JSON, Answer, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Steps, stops
from turnstream.parsing.text_calls.tagged import Tags
from turnstream.parsing.text_calls.values import Broken, Emit, Truncated

_TO = re.compile(r"\bto=([^\s<]+)")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
_NAME_END = re.compile(r"\s|<\|(?:message|channel)\|>")
TO_HEADER = re.compile(r"<\||\s[^\s<]")


@dataclass(frozen=True, slots=True)
class Route:
    """What a message is: ``reasoning``, ``text``, ``call``, ``call?`` (text, if no call begins it), ``text?`` (the
    same, but only if the offered tools are known) or ``none``; and the tool's name, where it is in the header."""

    kind: str
    name: str = ""


def harmony_route(header: str) -> Route:
    to = _TO.search(header)
    channels = _CHANNEL.findall(header)
    channel = channels[-1] if channels else ""
    if to and to[1] not in ("assistant", "user", "all"):
        return Route("call", to[1].removeprefix("functions."))
    return Route("reasoning" if channel == "analysis" else "text")


def atem_route(header: str) -> Route:
    to = _TO.search(header)
    if not to:
        return Route("call?")
    if to[1] in ("user", "commentary", "all"):
        return Route("text?")
    return Route("reasoning") if to[1] == "self" else Route("call", to[1])


@dataclass(frozen=True, slots=True)
class Messages:
    """``ends`` close a message, ``stops`` the whole answer; ``body`` reads a call's body."""

    route: Callable[[str], Route]
    body: Callable[[Answer, str, tuple[str, ...]], Steps[None]]
    ends: tuple[str, ...]
    over: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    """What begins a call's body in a message whose header names no tool; only at its start."""

    def __call__(self, a: Answer, reasoning_open: bool) -> Steps[None]:
        r = a.r
        ends = (*self.ends, *self.over)
        if reasoning_open:
            found = yield from r.until(stops(*ends, "<|start|>"), a.out.reasoning)
            if found == "<|start|>":
                r.pos -= len(found)
        while True:
            route = yield from self._header(a)
            if route is None:
                return
            a.out.marker()
            if route.kind == "call":
                found = yield from self._call(a, route.name, ends)
            else:
                sink = a.out.reasoning if route.kind == "reasoning" else a.out.text
                may = route.kind == "call?" or (route.kind == "text?" and a.tools.known)
                if may and self.opens and (yield from r.at(*self.opens)):
                    found = yield from self._call(a, "", ends)
                else:
                    found = yield from self._body(a, sink, ends)
            if found in self.over and found:
                yield from r.until(stops(), lambda piece: None)
                return

    def _body(self, a: Answer, sink: Emit, ends: tuple[str, ...]) -> Steps[str]:
        """Reasoning or text, up to the next message."""
        r = a.r
        marks = stops(*ends, "<|start|>", "<|channel|>", " to=")
        plain = TextDelta if sink == a.out.text else ReasoningDelta
        while True:
            found = yield from r.before(marks, sink, plain=plain)
            if found != " to=":
                if found not in ("<|start|>", "<|channel|>"):
                    r.pos += len(found)
                return found
            if (yield from r.ahead(_NAME_END, len(found))).endswith("|>"):
                r.pos += 1
                return ""
            r.pos += len(found)
            sink(found)

    def _header(self, a: Answer) -> Steps[Route | None]:
        """The header before a message, if there is one; None at the end of the stream."""
        r = a.r
        space = yield from r.space()
        found = yield from r.at(
            "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "to=", *self.ends, *self.over
        )
        if not found:
            if not (yield from r.peek()):
                a.out.text(space)
                return None
            a.out.text(space)
            return Route("text")
        if found in self.ends or found in self.over:
            r.pos += len(found)
            return Route("none") if found in self.ends else None
        if found == "to=":
            name = yield from r.ahead(TO_HEADER, 3)
            if not name.endswith("<|"):
                a.out.text(space)
                return Route("text")
        header, mark = yield from r.collect("<|message|>", *self.ends)
        if not mark:
            if self.route(header).kind == "call":
                a.out.malformed(CUT_OFF, header, started=False)
            return None
        return self.route(header) if mark == "<|message|>" else Route("text")

    def _call(self, a: Answer, name: str, ends: tuple[str, ...]) -> Steps[str]:
        r = a.r
        a.call = None
        r.record()
        marks = stops(*ends, "<|start|>")
        try:
            yield from self.body(a, name, ends)
        except NotACall:
            a.out.text(r.recorded())
        except Truncated:
            a.malformed(CUT_OFF)
        except (Broken, Malformed) as error:
            yield from r.before(marks, lambda piece: None)
            a.malformed(str(error) or NOT_JSON)
        r.forget()
        found = yield from r.until(marks, lambda piece: None)
        if found == "<|start|>":
            r.pos -= len(found)
            return ""
        return found


def json_body(a: Answer, name: str, ends: tuple[str, ...]) -> Steps[None]:
    it = a.start(name)
    yield from a.r.space()
    if (yield from a.r.at(*ends)):
        it.end()
        return
    yield from json_calls.arguments(a, it, stops(*ends))
    it.end()


def params_body(tags: Tags) -> Callable[[Answer, str, tuple[str, ...]], Steps[None]]:
    def body(a: Answer, name: str, ends: tuple[str, ...]) -> Steps[None]:
        yield from tagged.members(a, tags, a.start(name))

    return body


def invokes_body(tags: Tags) -> Callable[[Answer, str, tuple[str, ...]], Steps[None]]:
    """``<function_calls>`` around calls that name their tool themselves."""

    def body(a: Answer, name: str, ends: tuple[str, ...]) -> Steps[None]:
        r = a.r
        before = a.out.calls
        while True:
            yield from r.space()
            if (yield from r.take(*tags.wraps)):
                continue
            if not (yield from r.take(*tags.call)):
                if a.out.calls == before:
                    raise (
                        Truncated if not (yield from r.peek()) else Malformed("The message to the tool holds no call.")
                    )
                return
            yield from tagged.call(a, tags)
            r.record()

    return body
