"""What stands between two markers: calls of one or several spellings, told apart by how they begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from turnstream.parsing.text_calls import json_calls, python_calls, tagged
from turnstream.parsing.text_calls.answer import CUT_OFF, NOT_JSON, Answer, Malformed, NotACall
from turnstream.parsing.text_calls.json_calls import USUAL, Shape
from turnstream.parsing.text_calls.reader import Steps, stops
from turnstream.parsing.text_calls.tagged import Pairs, Tags
from turnstream.parsing.text_calls.values import Broken, Truncated

Engine: TypeAlias = Callable[[Answer, str], Steps[None]]
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

    def __call__(self, a: Answer, marker: str) -> Steps[None]:
        r, tags = a.r, self.tags
        if tags is not None and marker in tags.call:
            r.pos -= len(marker)
            r.record()
        before = a.out.calls
        while True:
            yield from r.space()
            if self.closes and (yield from r.take(*self.closes)):
                return
            try:
                if self.inner and (yield from r.take(*self.inner)):
                    continue
                found = yield from self._call(a)
            except NotACall:
                if a.out.calls != before:
                    raise
                found = False
            except (Broken, Malformed) as error:
                mark = yield from r.before(stops(*self.closes, *self.inner), lambda piece: None)
                a.malformed(str(error) or NOT_JSON)
                if not mark:
                    return
                found = True
            except Truncated:
                a.malformed(CUT_OFF)
                return
            if not found:
                if a.out.calls == before:
                    yield from self._none(a, marker)
                return
            r.record()

    def _none(self, a: Answer, marker: str) -> Steps[None]:
        """No call begins after the marker. Raises what it is then."""
        char = yield from a.r.peek()
        if not char and not self.weak:
            raise Truncated
        if char in _PROSE or self.weak or not self.closes:
            raise NotACall  # somebody writes about the marker
        ends = (close for _, close in a.format.thinks) if a.reasoning else ()
        mark = yield from a.r.before(stops(*self.closes, marker, *ends), lambda piece: None)
        if not mark and self._begins(a.r.recorded().removeprefix(marker).strip()):
            raise Truncated
        if mark not in self.closes:
            raise NotACall
        a.r.pos += len(mark)
        a.malformed("The text between the tool call's markers is no call.")

    def _begins(self, text: str) -> bool:
        """Whether the stream ended within the tag that opens a call."""
        openers = (*(self.tags.call if self.tags else ()), *self.inner)
        return any(opener.startswith(text) for opener in openers)

    def _call(self, a: Answer) -> Steps[bool]:
        """Read a call, if one begins here."""
        r, tags = a.r, self.tags
        ends = (*self.closes, *self.inner)
        if tags is not None and (yield from r.take(*tags.call)):
            yield from tagged.call(a, tags)
            return True
        char = yield from r.peek()
        if self.python and char == "[" and self.json is not None:
            pair = yield from _after_bracket(a)
            if pair in ("{", "]"):
                yield from json_calls.several(a, self.json, ends=ends)
                return True
        if self.python and (char == "[" or char.isalpha() or char == "_"):
            yield from python_calls.several(a, ends=ends)
            return True
        if self.json is not None and char and char in "{[":
            yield from json_calls.several(a, self.json, ends=ends, weak=self.weak)
            return True
        if self.pairs is not None and (char.isalpha() or char == "_"):
            yield from tagged.pair_call(a, self.pairs, weak=self.weak)
            return True
        return False


def _after_bracket(a: Answer) -> Steps[str]:
    """The first character after "[" and white space; nothing is consumed."""
    count = 2
    while True:
        ahead = yield from a.r.peek(count)
        if len(ahead) < count or not ahead[-1].isspace():
            return ahead[-1]
        count += 1
