"""Protocols of messages: each has a header that says whether its body is reasoning, text or a call.

**State**: the message at hand. **Held back**: a header; in a body the tail that may become a token, and a token that
begins a header until it is known that one follows: named in a sentence it is text. **What ends it**: the token that
ends a message, or the next header. A header of a call that is damaged makes a malformed call. **Cost**: each
character once, a header twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from turnstream import events
from turnstream.parsing.text_calls import json_calls, recovery, tagged
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import CUT_OFF, NO_NAME, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import Emit, TruncatedError
from turnstream.parsing.text_calls.tagged import Tags
from turnstream.parsing.text_calls.values import ignore

_TO = re.compile(r"\bto=([^\s<]+)")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
_NAME_END = re.compile(r"\s|<\|(?:message|channel)\|>")
TO_HEADER = re.compile(r"<\||\s[^\s<]")
_NO_RECIPIENT = re.compile(r"\bto=(?=\s|<|\Z)")
_HEADER_END = re.compile(r"<\||<[^|]|[^\w.\-=/\s<]|\n")
_IN_HEADER = ("<|message|>", "<|channel|>", "<|constrain|>")
_LONGEST_HEADER = 160


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
    if not to and (_NO_RECIPIENT.search(header) or (channel == "commentary" and "<|constrain|>" in header)):
        return Route("call")
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


Body: TypeAlias = Callable[["Parse", Route, tuple[str, ...]], Parsing[None]]


@dataclass(frozen=True, slots=True)
class Messages:
    """``ends`` close a message, ``stops`` the whole answer; ``body`` reads a call's body."""

    route: Callable[[str], Route]
    body: Body
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
                yield from self._call(parse, route, ends)
                found = yield from self._body(parse, ignore, ends)
            else:
                sink = parse.out.reasoning if route.kind == "reasoning" else parse.out.text
                may = route.kind == "call?" or (route.kind == "text?" and parse.tools.known)
                if sink == parse.out.text and route.kind != "none":
                    parse.out.apart()
                called = bool(may and self.opens and (yield from reader.at(*self.opens)))
                if called:
                    yield from self._call(parse, route, ends)
                found = yield from self._body(parse, sink, ends, called=called)
            if found in self.over and found:
                yield from reader.until(stops(), ignore)
                return

    def _body(self, parse: Parse, sink: Emit, ends: tuple[str, ...], *, called: bool = False) -> Parsing[str]:
        """Reasoning or text, up to the next message."""
        reader = parse.reader
        quotes = sink == parse.out.text and self.opens and not called  # what the user is told may quote a header
        marks = stops(*ends, *(() if quotes else ("<|start|>", "<|channel|>", " to=")))
        said = events.TextDelta if sink == parse.out.text else events.ReasoningDelta
        plain = None if sink is ignore else said
        while True:
            found = yield from reader.before(marks, sink, plain=plain)
            if found in ("<|start|>", "<|channel|>"):
                if (yield from self._begins_header(parse, found)):
                    return found
                reader.pos += len(found)
                sink(found)
                continue
            if found != " to=":
                reader.pos += len(found)
                return found
            if (yield from reader.ahead(_NAME_END, len(found))).endswith("|>"):
                reader.pos += 1
                return ""
            reader.pos += len(found)
            sink(found)

    def _begins_header(self, parse: Parse, token: str) -> Parsing[bool]:
        """Whether the token at hand begins a header: some words, and then the next token of a header."""
        ahead = yield from parse.reader.ahead(_HEADER_END, len(token), _LONGEST_HEADER)
        if not ahead:
            return parse.reader.ended
        if not ahead.endswith("<|"):
            return False
        rest = yield from parse.reader.peek(len(ahead) + 11)
        return rest[len(ahead) - 2 :].startswith(_IN_HEADER)

    def _header(self, parse: Parse) -> Parsing[Route | None]:
        """The header before a message, if there is one; None at the end of the stream."""
        reader = parse.reader
        space = yield from reader.space()
        found = yield from reader.at(
            "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "to=", *self.ends, *self.over
        )
        if not found:
            if not (yield from reader.peek()) or (
                parse.out.calls and reader.cut_in("<|start|>", *self.ends, *self.over)
            ):
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
        reader.record()
        header, mark = yield from reader.collect("<|message|>", *self.ends)
        route = self.route(header)
        if mark == "<|message|>":
            return route
        if route.kind == "call":
            parse.out.break_call(CUT_OFF if not mark else NO_BODY, header, started=False)
        return Route("none") if mark else None

    def _call(self, parse: Parse, route: Route, ends: tuple[str, ...]) -> Parsing[None]:
        reader = parse.reader
        parse.call = None
        reader.record()
        parse.began = reader.offset
        body = self.body(parse, route, ends)
        try:
            yield from recovery.recovering(parse, body, stops(*ends, *_NEXT), brackets=recovery.JSON)
        except NotACallError:
            parse.out.text(reader.recording())
        reader.forget()


NO_CALL = "The message to the tool holds no call."
NO_BODY = "The header of the call is damaged."
_NEXT = ("<|start|>assistant", "<|start|>")


def json_body(parse: Parse, route: Route, ends: tuple[str, ...]) -> Parsing[None]:
    if not route.name:
        raise MalformedError(NO_NAME)
    call = parse.start(route.name)
    yield from parse.reader.space()
    if (yield from parse.reader.at(*ends)):
        call.end()
        return
    yield from json_calls.arguments(parse, call, stops(*ends))
    yield from json_calls.closers(parse.reader)
    call.end()


def params_body(tags: Tags) -> Body:
    def body(parse: Parse, route: Route, ends: tuple[str, ...]) -> Parsing[None]:
        if not route.name:
            raise MalformedError(NO_NAME)
        yield from tagged.members(parse, tags, parse.start(route.name))

    return body


def invokes_body(tags: Tags) -> Body:
    """``<function_calls>`` around calls that name their tool themselves."""
    offered = replace(tags, offered=True)

    def body(parse: Parse, route: Route, ends: tuple[str, ...]) -> Parsing[None]:
        reader = parse.reader
        before = parse.out.calls
        while True:
            yield from reader.space()
            if (yield from reader.take(*tags.wraps)):
                continue
            if not (yield from reader.take(*tags.call)):
                if parse.out.calls == before:
                    raise (TruncatedError if not (yield from reader.peek()) else MalformedError(NO_CALL))
                return
            yield from tagged.call(parse, offered if route.kind == "text?" else tags)
            reader.record()

    return body
