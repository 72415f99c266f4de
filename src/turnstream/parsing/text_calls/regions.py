"""What stands between two markers: calls of one or several spellings, told apart by how they begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from turnstream.parsing.text_calls import json_calls, python_calls, tagged
from turnstream.parsing.text_calls.json_calls import USUAL, Shape
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import CUT_OFF, NOT_JSON, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.tagged import Pairs, Tags
from turnstream.parsing.text_calls.values import BrokenError, TruncatedError

Engine: TypeAlias = Callable[[Parse, str], Parsing[None]]
"""Reads what follows a marker (the second argument); everything recorded is given back on `NotACall`."""


_PROSE = "`'\",.;:!?)*|"


@dataclass(frozen=True, slots=True)
class Region:
    """Up to one of ``closes`` (none: up to what is no call). ``inner`` are markers around each call, passed over."""

    closes: tuple[str, ...] = ()
    json: Shape | None = USUAL
    tags: Tags | None = None
    pairs: Pairs | None = None
    python: bool = False
    inner: tuple[str, ...] = ()
    weak: bool = False
    """The marker may well be text: only an offered tool's name makes it a call."""

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        reader, tags = parse.reader, self.tags
        if tags is not None and marker in tags.call:
            reader.pos -= len(marker)
            reader.record()
        before = parse.out.calls
        while True:
            yield from reader.space()
            if self.closes and (yield from reader.take(*self.closes)):
                return
            try:
                if self.inner and (yield from reader.take(*self.inner)):
                    continue
                found = yield from self._call(parse)
            except NotACallError:
                if parse.out.calls != before:
                    raise
                found = False
            except (BrokenError, MalformedError) as error:
                mark = yield from reader.before(stops(*self.closes, *self.inner), lambda piece: None)
                parse.malformed(str(error) or NOT_JSON)
                if not mark:
                    return
                found = True
            except TruncatedError:
                parse.malformed(CUT_OFF)
                return
            if not found:
                if parse.out.calls == before:
                    yield from self._none(parse, marker)
                return
            reader.record()

    def _none(self, parse: Parse, marker: str) -> Parsing[None]:
        """No call begins after the marker. Raises what it is then."""
        char = yield from parse.reader.peek()
        if not char and not self.weak:
            raise TruncatedError
        if char in _PROSE or self.weak or not self.closes:
            raise NotACallError  # somebody writes about the marker
        ends = (close for _, close in parse.format.thinks) if parse.reasoning else ()
        mark = yield from parse.reader.before(stops(*self.closes, marker, *ends), lambda piece: None)
        if not mark and self._begins(parse.reader.recorded().removeprefix(marker).strip()):
            raise TruncatedError
        if mark not in self.closes:
            raise NotACallError
        parse.reader.pos += len(mark)
        parse.malformed("The text between the tool call's markers is no call.")

    def _begins(self, text: str) -> bool:
        """Whether the stream ended within the tag that opens a call."""
        openers = (*(self.tags.call if self.tags else ()), *self.inner)
        return any(opener.startswith(text) for opener in openers)

    def _call(self, parse: Parse) -> Parsing[bool]:
        """Read a call, if one begins here."""
        reader, tags = parse.reader, self.tags
        ends = (*self.closes, *self.inner)
        if tags is not None and (yield from reader.take(*tags.call)):
            yield from tagged.call(parse, tags)
            return True
        char = yield from reader.peek()
        if self.python and char == "[" and self.json is not None:
            pair = yield from _after_bracket(parse)
            if pair in ("{", "]"):
                yield from json_calls.several(parse, self.json, ends=ends)
                return True
        if self.python and (char == "[" or char.isalpha() or char == "_"):
            yield from python_calls.several(parse, ends=ends)
            return True
        if self.json is not None and char and char in "{[":
            yield from json_calls.several(parse, self.json, ends=ends, weak=self.weak)
            return True
        if self.pairs is not None and (char.isalpha() or char == "_"):
            yield from tagged.pair_call(parse, self.pairs, weak=self.weak)
            return True
        return False


def _after_bracket(parse: Parse) -> Parsing[str]:
    """The first character after "[" and white space; nothing is consumed."""
    count = 2
    while True:
        ahead = yield from parse.reader.peek(count)
        if len(ahead) < count or not ahead[-1].isspace():
            return ahead[-1]
        count += 1
