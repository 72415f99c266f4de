"""Calls that are a name between markers and then the arguments as JSON.

**State**: whether a call was read. **Held back**: the name, at most `LONGEST` characters, until its separator is
there. **What ends it**: the markers after the arguments, or the next call's; a broken call ends where `recovery` says.
**Cost**: each character once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from turnstream.parsing.text_calls import json_calls, pairs, recovery, tagged
from turnstream.parsing.text_calls.reader import Parsing, Reader, stops
from turnstream.parsing.text_calls.schema import Tools
from turnstream.parsing.text_calls.state import NO_NAME, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import TruncatedError

LONGEST = 300
_WORD = re.compile(r"[^\s`'\"]*")


def _same(name: str, tools: Tools) -> str:
    return name


def _not_a_name(name: str) -> bool:
    name = name.strip()
    return " " in name or name.isdigit()


@dataclass(frozen=True, slots=True)
class Named:
    """``begin`` NAME ``sep`` {…} ``end``, repeated up to one of ``closes``.

    Without ``begin`` a name follows the marker at once and the region ends with the arguments. ``fences`` may stand
    around the arguments. ``clean`` makes the tool's name of what the model writes there.
    """

    begin: tuple[str, ...] = ()
    sep: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
    fences: tuple[str, ...] = ()
    clean: Callable[[str, Tools], str] = _same
    again: tuple[str, ...] = ()
    """What also ends a name or a broken call: the marker itself."""

    @property
    def marks(self) -> tuple[str, ...]:
        """What may stand cut off at the end of the answer."""
        return (*self.end, *self.closes, *self.begin, *self.fences)

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        reader = parse.reader
        if marker in self.begin:
            reader.pos -= len(marker)
            reader.record()
        ends = stops(*self.end, *self.closes, *self.begin, *self.again)
        seen = False
        while True:
            yield from reader.space()
            if self.closes and (yield from reader.take(*self.closes)):
                return
            if not (yield from self._begins(reader)):
                over = not (yield from reader.peek()) or reader.cut_in(*self.begin)
                if not seen and over and not parse.inline:
                    raise TruncatedError
                if not seen:
                    raise NotACallError
                return
            yield from recovery.recovering(parse, self._call(parse), ends, brackets=recovery.JSON)
            yield from self._read_end(parse)
            seen = True
            reader.record()
            if not self.begin:
                return

    def _begins(self, reader: Reader) -> Parsing[bool]:
        found = not self.begin
        while self.begin and (yield from reader.take(*self.begin)):
            found = True
            yield from reader.space()
        return found

    def _call(self, parse: Parse) -> Parsing[None]:
        reader = parse.reader
        parse.call = None
        parse.began = reader.offset
        stop = (*self.end, *self.closes, *self.begin, *self.again)
        name = yield from self._name(parse, stop)
        call = parse.start(name)
        yield from reader.space()
        while self.fences and (yield from reader.take(*self.fences)):
            yield from reader.space()
        if (yield from reader.at(*stop)):
            call.end()
        else:
            yield from json_calls.arguments(parse, call, stops(*stop, *self.fences))
            call.end()
        yield from self._read_end(parse)

    def _name(self, parse: Parse, stop: tuple[str, ...]) -> Parsing[str]:
        """The tool's name; its separator is consumed. Without a name, raises what stands there instead."""
        reader, tools = parse.reader, parse.tools
        if parse.inline and (yield from tagged.words_follow(parse)):
            raise NotACallError
        said, mark = yield from reader.collect_within(LONGEST, *self.sep, "{", *self.fences, *stop)
        if not mark and reader.ended and not parse.inline and not _not_a_name(reader.text[reader.pos :]):
            reader.pos = len(reader.text)
            raise TruncatedError
        if not mark:
            raise NotACallError
        if mark not in self.sep:
            reader.pos -= len(mark)
        elif mark != "\n" and (yield from reader.peek()).isalpha():  # a kind of tool stands before the name
            other, mark = yield from reader.before_within(LONGEST, stops("\n", "{", *self.fences, *stop))
            if not (tools.known and tools.offers(said.strip()) and not tools.offers(other.strip())):
                reader.pos += len(other)
                said = other
        name = self.clean(said.strip(), tools)
        if name.isdigit():  # a counter: clear only if one tool is offered
            offered = list(tools.names)
            name = offered[0] if len(offered) == 1 else ""
        if parse.inline and (not _WORD.fullmatch(name) or mark in stop) and not (tools.known and tools.offers(name)):
            raise NotACallError
        if not self.begin and name and _not_a_name(name) and not (tools.known and tools.offers(name)):
            raise NotACallError
        if not any(char.isalnum() for char in name):
            raise MalformedError(NO_NAME)
        return name

    def _read_end(self, parse: Parse) -> Parsing[None]:
        reader = parse.reader
        marks = (*self.fences, *self.end)
        yield from json_calls.closers(reader)
        while marks:
            yield from reader.space()
            if (yield from reader.take(*marks)):
                continue
            if (yield from reader.at(*self.begin, *self.closes)) or not (other := (yield from pairs.misspelt(parse))):
                return
            reader.pos += len(other)
