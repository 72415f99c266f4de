"""Kimi K3's markup: ``<|open|>NAME attributes<|sep|> … <|close|>NAME<|sep|>``."""

from __future__ import annotations

import html

from turnstream.parsing.text_calls import recovery
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import CUT_OFF, LOST, NO_NAME, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import TruncatedError
from turnstream.parsing.text_calls.tagged import attributes
from turnstream.parsing.text_calls.values import ignore

OPEN, CLOSE, SEP, OVER = "<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"
_MARKS = stops(OPEN, CLOSE, OVER)


def read(parse: Parse, reasoning_open: bool) -> Parsing[None]:
    """The whole answer: ``think``, ``response`` and ``tools`` sections; text outside of them is text."""
    reader = parse.reader
    thinking = reasoning_open
    while True:
        mark = yield from reader.until(_MARKS, parse.out.reasoning if thinking else parse.out.text)
        if not mark:
            return
        parse.out.marker()
        if mark == OVER:
            yield from reader.until(stops(), ignore)
            return
        head, sep = yield from reader.collect(SEP)
        section = head.strip().split(" ", 1)[0]
        if not sep:
            return
        if mark == CLOSE:
            thinking = False
            if section == "message":
                yield from reader.until(stops(), ignore)
                return
        elif section == "tools":
            yield from _tools(parse)
        else:
            thinking = section == "think"


def _tools(parse: Parse) -> Parsing[None]:
    """The calls, up to the section's end; what stands between them is layout."""
    reader = parse.reader
    while True:
        parse.call = None
        reader.record()
        mark = yield from reader.until(_MARKS, ignore)
        if mark != OPEN:
            head, _ = yield from reader.collect(SEP)
            if not mark or head.strip() in ("tools", "message"):
                if not mark and reader.recording().strip():
                    parse.break_call(CUT_OFF)
                reader.forget()
                return
            continue
        try:
            yield from recovery.recovering(parse, _call(parse), _CALL_ENDS)
        except NotACallError:
            parse.out.text(reader.recording())
            reader.forget()
            return


def _call(parse: Parse) -> Parsing[None]:
    reader = parse.reader
    head, sep = yield from reader.collect(SEP)
    if not sep:
        raise TruncatedError
    name = html.unescape(attributes(head).get("tool", ""))
    if not name:
        raise MalformedError(NO_NAME)
    if "<|" in head:
        raise MalformedError(LOST)
    call = parse.start(name)
    while True:
        parts: list[str] = []
        mark = yield from reader.until(_MARKS, parts.append)
        head, sep = yield from reader.collect(SEP)
        if not mark or not sep:
            raise TruncatedError
        kind = "call" if mark == CLOSE else "argument"
        if "".join(parts).strip() or not head.strip().startswith(kind) or "<|" in head:
            raise MalformedError(LOST)
        if mark == CLOSE:
            call.end()
            return
        yield from _argument(parse, call, attributes(head))


def _argument(parse: Parse, call: Call, said: dict[str, str]) -> Parsing[None]:
    reader = parse.reader
    key = html.unescape(said.get("key", ""))
    if not key:
        raise MalformedError(LOST)
    call.member(key)
    types = frozenset({said["type"]}) if said.get("type") else parse.tools.types(call.name, key)
    value = parse.typed_value(call, types)
    while (mark := (yield from reader.before(_VALUE_MARKS, value.push))) == CLOSE:
        if (yield from reader.take(*_ARGUMENT_ENDS)):
            if value.lost:
                raise MalformedError(LOST)
            value.close()
            return
        if (yield from reader.at(f"{CLOSE}call{SEP}", f"{CLOSE}tools{SEP}")):
            raise MalformedError(LOST)
        reader.pos += len(CLOSE)
        value.push(CLOSE)
    raise MalformedError(LOST) if mark else TruncatedError


_CALL_ENDS = stops(f"{CLOSE}call{SEP}", f"{OPEN}call", f"{CLOSE}tools{SEP}")
_ARGUMENT_ENDS = tuple(f"{CLOSE}{blank}argument{end}{SEP}" for blank in ("", " ") for end in ("", " "))
_VALUE_MARKS = stops(CLOSE, f"{OPEN}argument", f"{OPEN}call")
