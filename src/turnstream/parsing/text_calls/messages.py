"""Protocols of messages: each has a header that says whether its body is reasoning, text or a call."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from turnstream.events import ReasoningDelta, TextDelta
from turnstream.parsing.text_calls import json_calls, tagged
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import CUT_OFF, NOT_JSON, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.tagged import Tags
from turnstream.parsing.text_calls.values import BrokenError, Emit, TruncatedError

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
    body: Callable[[Parse, str, tuple[str, ...]], Parsing[None]]
    ends: tuple[str, ...]
    over: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    """What begins a call's body in a message whose header names no tool; only at its start."""

    def __call__(self, parse: Parse, reasoning_open: bool) -> Parsing[None]:
        reader = parse.reader
        ends = (*self.ends, *self.over)
        if reasoning_open:
            found = yield from reader.until(stops(*ends, "<|start|>"), parse.out.reasoning)
            if found == "<|start|>":
                reader.pos -= len(found)
        while True:
            route = yield from self._header(parse)
            if route is None:
                return
            parse.out.marker()
            if route.kind == "call":
                found = yield from self._call(parse, route.name, ends)
            else:
                sink = parse.out.reasoning if route.kind == "reasoning" else parse.out.text
                may = route.kind == "call?" or (route.kind == "text?" and parse.tools.known)
                if may and self.opens and (yield from reader.at(*self.opens)):
                    found = yield from self._call(parse, "", ends)
                else:
                    found = yield from self._body(parse, sink, ends)
            if found in self.over and found:
                yield from reader.until(stops(), lambda piece: None)
                return

    def _body(self, parse: Parse, sink: Emit, ends: tuple[str, ...]) -> Parsing[str]:
        """Reasoning or text, up to the next message."""
        reader = parse.reader
        marks = stops(*ends, "<|start|>", "<|channel|>", " to=")
        plain = TextDelta if sink == parse.out.text else ReasoningDelta
        while True:
            found = yield from reader.before(marks, sink, plain=plain)
            if found != " to=":
                if found not in ("<|start|>", "<|channel|>"):
                    reader.pos += len(found)
                return found
            if (yield from reader.ahead(_NAME_END, len(found))).endswith("|>"):
                reader.pos += 1
                return ""
            reader.pos += len(found)
            sink(found)

    def _header(self, parse: Parse) -> Parsing[Route | None]:
        """The header before a message, if there is one; None at the end of the stream."""
        reader = parse.reader
        space = yield from reader.space()
        found = yield from reader.at(
            "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "to=", *self.ends, *self.over
        )
        if not found:
            if not (yield from reader.peek()):
                parse.out.text(space)
                return None
            parse.out.text(space)
            return Route("text")
        if found in self.ends or found in self.over:
            reader.pos += len(found)
            return Route("none") if found in self.ends else None
        if found == "to=":
            name = yield from reader.ahead(TO_HEADER, 3)
            if not name.endswith("<|"):
                parse.out.text(space)
                return Route("text")
        header, mark = yield from reader.collect("<|message|>", *self.ends)
        if not mark:
            if self.route(header).kind == "call":
                parse.out.malformed(CUT_OFF, header, started=False)
            return None
        return self.route(header) if mark == "<|message|>" else Route("text")

    def _call(self, parse: Parse, name: str, ends: tuple[str, ...]) -> Parsing[str]:
        reader = parse.reader
        parse.call = None
        reader.record()
        marks = stops(*ends, "<|start|>")
        try:
            yield from self.body(parse, name, ends)
        except NotACallError:
            parse.out.text(reader.recorded())
        except TruncatedError:
            parse.malformed(CUT_OFF)
        except (BrokenError, MalformedError) as error:
            yield from reader.before(marks, lambda piece: None)
            parse.malformed(str(error) or NOT_JSON)
        reader.forget()
        found = yield from reader.until(marks, lambda piece: None)
        if found == "<|start|>":
            reader.pos -= len(found)
            return ""
        return found


def json_body(parse: Parse, name: str, ends: tuple[str, ...]) -> Parsing[None]:
    call = parse.start(name)
    yield from parse.reader.space()
    if (yield from parse.reader.at(*ends)):
        call.end()
        return
    yield from json_calls.arguments(parse, call, stops(*ends))
    call.end()


def params_body(tags: Tags) -> Callable[[Parse, str, tuple[str, ...]], Parsing[None]]:
    def body(parse: Parse, name: str, ends: tuple[str, ...]) -> Parsing[None]:
        yield from tagged.members(parse, tags, parse.start(name))

    return body


def invokes_body(tags: Tags) -> Callable[[Parse, str, tuple[str, ...]], Parsing[None]]:
    """``<function_calls>`` around calls that name their tool themselves."""

    def body(parse: Parse, name: str, ends: tuple[str, ...]) -> Parsing[None]:
        reader = parse.reader
        before = parse.out.calls
        while True:
            yield from reader.space()
            if (yield from reader.take(*tags.wraps)):
                continue
            if not (yield from reader.take(*tags.call)):
                if parse.out.calls == before:
                    raise (
                        TruncatedError
                        if not (yield from reader.peek())
                        else MalformedError("The message to the tool holds no call.")
                    )
                return
            yield from tagged.call(parse, tags)
            reader.record()

    return body
