"""Gemma's calls: ``call:NAME{key:<quote>text<quote>,n:3}``.

**State**: whether a call was read. **Held back**: in a string what follows the call's closer, until it is known whether
the string goes on. **What ends it**: the closer, a token that also closes strings and brackets which were left open.
Values follow the tool's schema: a declared string keeps its characters, a quoted number becomes a declared number.
**Cost**: each character once, what was held twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from turnstream.parsing.text_calls import json_calls, recovery, values
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import NO_CALL, NO_NAME, NOT_JSON, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import BrokenError, TruncatedError
from turnstream.parsing.text_calls.values import Style

_NAME_END = re.compile(r"[{\s<(]")
_AFTER = re.compile(r"[^\s,\w]")
_WORDS = 100


@dataclass(frozen=True, slots=True)
class Gemma:
    """``closes`` ends a call or a block of them."""

    style: Style
    closes: tuple[str, ...]

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        reader = parse.reader
        ends = stops(*self.closes, *self.style.again)
        seen = False
        while True:
            yield from reader.space()
            if (yield from reader.take(*self.closes)):
                return
            if not (yield from reader.take("call:", ":")):
                if seen:
                    yield from reader.take(",", ";")
                    if (yield from reader.at("call:", ":", *self.closes)):
                        continue
                    return
                yield from self._none(parse)
                return
            yield from recovery.recovering(parse, self._call(parse), ends)
            seen = True
            reader.record()

    def _none(self, parse: Parse) -> Parsing[None]:
        """No call follows the marker. Raises what it is then."""
        reader = parse.reader
        if not (yield from reader.peek()) or reader.cut_in("call:"):
            raise NotACallError if parse.inline else TruncatedError
        found = "" if parse.inline else (yield from reader.collect_within(_WORDS, *self.closes))[1]
        if not found:
            raise NotACallError
        parse.break_call(NO_CALL)

    def _call(self, parse: Parse) -> Parsing[None]:
        reader = parse.reader
        parse.call = None
        parse.began = reader.offset
        name = yield from reader.run(_NAME_END, 256)
        space = yield from reader.space()
        if name and space and not (yield from reader.at("{")):
            rest, mark = yield from reader.before_within(128, stops("{", *self.closes))
            if mark == "{" and parse.tools.known and parse.tools.offers((name + space + rest).strip()):
                reader.pos += len(rest)
                name = (name + space + rest).strip()
        if not name:
            raise MalformedError(NO_NAME)
        if not (yield from reader.take("{")):
            if not (yield from reader.peek()):
                raise TruncatedError
            raise MalformedError(NOT_JSON)
        call = parse.start(name)
        call.emit("{")
        declared = parse.tools.schema(name)
        ends = stops(*self.closes)
        yield from values.value(reader, call.emit, self.style, opened="}", ends=ends, declared=declared)
        head = yield from reader.ahead(_AFTER, 0, 100)
        apart = head[:1].isspace() and "," not in head  # as a text stands
        if head[-1:] == ":" and not apart and head.strip(" ,") not in ("call:", ":"):
            raise BrokenError  # a bracket closed the arguments before their end
        call.done = True
        yield from json_calls.closers(reader)
