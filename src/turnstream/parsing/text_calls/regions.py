"""What stands between two markers: calls of one or several spellings, told apart by how they begin.

**State**: whether a call was read. **Held back**: the marker and what follows it, until a call begins there or
cannot. Where the marker stands on a line of text or in thoughts, that is decided by the next word; where it stands
apart, words may follow it for `WORDS` characters before they are text: if the closer comes, they are a broken call.
**What ends it**: one of ``closes``, however it is misspelt; without closers, what cannot be a call. A broken call
ends where `recovery` says, and the region goes on. **Cost**: each character once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from turnstream.parsing.text_calls import json_calls, pairs, python_calls, recovery, tagged
from turnstream.parsing.text_calls.json_calls import USUAL, Shape
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import NO_CALL, NotACallError, Parse
from turnstream.parsing.text_calls.strings import TruncatedError
from turnstream.parsing.text_calls.values import ignore

Engine: TypeAlias = Callable[[Parse, str], Parsing[None]]
"""Reads what follows a marker (the second argument); everything recorded is given back on `NotACallError`."""

WORDS = 100
FENCES = ("```json\n", "```json", "```\n", "```", "~~~")
_PROSE = "`,.;:!?)*|"
_STRUCTURE = re.compile(r"[{}<>\[\]=\n]")
_BLANKS = (" ", ".", ",", ";", ":", ")")
_NAME_END = re.compile(r"[^\w.\-]")
_NOT_BLANK = re.compile(r"[^ \t]")
_NOT_SPACE = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class Region:
    """Up to one of ``closes`` (none: up to what cannot be a call).

    ``inner`` are markers around each call, which are passed over.
    """

    closes: tuple[str, ...] = ()
    json: Shape | None = USUAL
    tags: tagged.Tags | None = None
    pairs: pairs.Pairs | None = None
    python: bool = False
    called: bool = False
    """A name and a parenthesis begin a call in Python's syntax, a name alone one of ``pairs``."""
    inner: tuple[str, ...] = ()
    weak: bool = False
    """The marker may well be text: only an offered tool's name makes it a call."""

    @property
    def marks(self) -> tuple[str, ...]:
        """What may stand cut off at the end of the answer."""
        tags = (*self.tags.call_end, *self.tags.wraps, *self.tags.call) if self.tags else ()
        return (*self.closes, *self.inner, *tags, *(self.pairs.ends if self.pairs else ()))

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        reader, tags = parse.reader, self.tags
        if tags is not None and marker in tags.call:
            reader.pos -= len(marker)
            reader.record()
        before = parse.out.calls
        again = (marker,) if marker and self.closes else ()
        call_end = tags.call_end if tags is not None else ()
        tag_ends = (*call_end, *(tags.param_end if tags is not None else ()))
        passed = (*self.inner, *again, *self._fences())
        ends = (*self.closes, *self.inner, *again)
        opened = False
        while True:
            yield from reader.space()
            seen = parse.out.calls != before
            if self.closes and (yield from self._read_closer(parse, seen)):
                return
            if passed and (yield from reader.take(*passed)):
                parse.inline, opened = False, True
                if seen:
                    reader.record()  # what follows may be text, this is not
                continue
            if seen:
                if tag_ends and (yield from reader.take(*tag_ends)):
                    reader.record()
                    continue
                if self.closes and (other := (yield from pairs.misspelt(parse))):
                    reader.pos += len(other)
                    return
                parse.inline = False
            try:
                found = yield from recovering(parse, self._call(parse, ends, marker, opened), (*ends, *call_end))
            except NotACallError:
                if seen or parse.out.calls != before or parse.policy.unoffered == "text":
                    raise
                found = False
            if found is False and parse.out.calls == before:
                yield from self._none(parse, marker)
                return
            if found is False:
                yield from json_calls.closers(reader)
                if self.closes and not (yield from self._read_closer(parse, True)):
                    other = yield from pairs.misspelt(parse)
                    reader.pos += len(other)
                return
            reader.record()

    def _fences(self) -> tuple[str, ...]:
        return FENCES if self.closes and self.json is not None else ()

    def _read_closer(self, parse: Parse, seen: bool) -> Parsing[bool]:
        reader = parse.reader
        if (yield from reader.take(*self.closes)):
            if not seen and parse.inline:
                raise NotACallError
            return True
        return False

    def _none(self, parse: Parse, marker: str) -> Parsing[None]:
        """No call begins after the marker. Raises what it is then."""
        reader = parse.reader
        reader.rewind(parse.began)
        char = yield from reader.peek()
        if not char and not self.weak and not parse.inline:
            raise TruncatedError
        if reader.ended and self._begins(reader.text[reader.pos :].strip()):
            raise TruncatedError
        if char in _PROSE or self.weak or parse.inline or not self.closes or self._is_word(parse):
            raise NotACallError  # somebody writes about the marker
        said, mark = yield from reader.before_within(WORDS, stops(*self.closes, marker, *parse.reasoning))
        ahead = said if mark else reader.text[reader.pos : reader.pos + WORDS]
        if mark not in self.closes and self._looks_like_a_call(ahead):
            mark = yield from reader.before(stops(*self.closes, marker, *parse.reasoning), ignore)
            reader.pos += len(mark) if mark in self.closes else 0
            parse.break_call(NO_CALL)
            return
        if mark not in self.closes:
            raise NotACallError
        reader.pos += len(said) + len(mark)
        alone = said != said.strip() and not _STRUCTURE.search(said)
        if alone and (yield from reader.peek()) in _BLANKS and (yield from reader.ahead(_NOT_BLANK)).strip():
            raise NotACallError  # both markers stand within one line of text
        parse.break_call(NO_CALL)

    def _looks_like_a_call(self, text: str) -> bool:
        """Whether a tag of the family stands in what cannot be read."""
        pairs = (self.pairs.key_end, self.pairs.value, self.pairs.value_end) if self.pairs else ()
        tags = (*self.tags.param, *self.tags.param_end, *self.tags.call_end) if self.tags else ()
        return any(mark and mark in text for mark in (*pairs, *tags))

    def _is_word(self, parse: Parse) -> bool:
        """Whether a word stands where the marker around each call is due."""
        return bool(self.inner and self.pairs) and parse.reader.text[parse.reader.pos].isalnum()

    def _begins(self, text: str) -> bool:
        """Whether the stream ended within the tag that opens a call."""
        openers = (*(self.tags.call if self.tags else ()), *self.inner)
        return bool(text) and any(opener.startswith(text) for opener in openers)

    def _call(self, parse: Parse, ends: tuple[str, ...], marker: str, opened: bool) -> Parsing[bool]:
        """Read a call, if one begins here."""
        reader, tags = parse.reader, self.tags
        parse.began = reader.offset
        if tags is not None and (yield from reader.take(*tags.call)):
            parse.inline = parse.inline and marker in tags.call
            yield from tagged.call(parse, tags)
            return True
        char = yield from reader.peek()
        if self.python and char == "[" and self.json is not None:
            pair = yield from reader.ahead(_NOT_SPACE, 1)
            if pair[-1:] in ("{", "]"):
                yield from json_calls.several(parse, self.json, ends=ends)
                return True
        if self.python and (char == "[" or char.isalpha() or char == "_"):
            yield from python_calls.several(parse, ends=ends)
            return True
        if self.called and (char.isalpha() or char == "_") and (yield from reader.ahead(_NAME_END)).endswith("("):
            yield from python_calls.several(parse, ends=ends)
            return True
        if self.json is not None and char and char in "{[":
            yield from json_calls.several(parse, self.json, ends=(*ends, *self._closing_fences()), weak=self.weak)
            return True
        if self.pairs is not None and (char.isalnum() or char == "_"):
            due = bool(self.inner) and not opened and parse.tools.known
            yield from pairs.call(parse, self.pairs, weak=self.weak or due)
            return True
        return False

    def _closing_fences(self) -> tuple[str, ...]:
        return ("```",) if self.closes else ()


def recovering(parse: Parse, engine: Parsing[bool], ends: tuple[str, ...]) -> Parsing[bool | None]:
    return (yield from recovery.recovering(parse, engine, stops(*ends)))
