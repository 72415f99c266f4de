"""Masking, replacing and stopping by pattern, in a text that comes in pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from turnstream.guardrails import expressions, texts

Narrow: TypeAlias = Callable[[str, str, str], tuple[int, int] | None]

_SLICE = 512
LONGEST = 4096


class Pattern(Struct, frozen=True):
    """What to look for. The leftmost match counts, and of those the longest.

    ``narrow(before, match, after)`` has the last word on a match: it gives the part of it that is meant, or None.
    ``before`` and ``after`` are the characters beside it, "" at the ends of the text. A text that may yet become a
    match is held back, as far as ``longest`` bytes.
    """

    expression: expressions.Expression
    narrow: Narrow | None = None
    longest: int = LONGEST


class PatternRule(Struct, frozen=True):
    """``replacement`` stands for what is found; None stops the text before it."""

    name: str
    pattern: Pattern
    replacement: str | None

    def open(self) -> Stream:
        return Stream(self)

    def apply(self, text: str) -> str:
        """To a text that is whole. Raises `texts.StoppedError`."""
        stream = Stream(self, whole=True)
        return stream.feed(text) + stream.close()


class Stream:
    """Holds back the longest end of the text that could become a match, and no more.

    A match is final as soon as no text that follows can make it longer, and what is decided there does not depend on
    how the text was cut: that is the whole of the proof. One thing more bounds memory and delay. Every 512 characters
    of the text, counted from its beginning and not from that of a piece, what is held is measured: more than
    ``longest`` stops the text, for to let it go might show what a rule should have held.
    """

    def __init__(self, rule: PatternRule, *, whole: bool = False) -> None:
        self._rule = rule
        self._whole = whole
        self._search: Any = rule.pattern.expression.search if whole else rule.pattern.expression.search_open
        self._text = b""
        self._at = 0  # before it in the text is one character that was given already, for \b
        self._room = _SLICE

    @property
    def held(self) -> int:
        """Bytes."""
        return len(self._text) - self._at

    def feed(self, text: str) -> str:
        if self._whole or len(text) < self._room:
            self._room -= len(text)
            return self._scan(text, ending=self._whole)
        given: list[str] = []
        start = 0
        while len(text) - start >= self._room:
            end = start + self._room
            given.append(self._take(text[start:end], given))
            if self.held > self._rule.pattern.longest:
                raise texts.StoppedError(self._rule.name, "".join(given))
            start, self._room = end, _SLICE
        self._room -= len(text) - start
        given.append(self._take(text[start:], given))
        return "".join(given)

    def close(self) -> str:
        self._search = self._rule.pattern.expression.search
        return self._scan("", ending=True)

    def _take(self, text: str, before: list[str]) -> str:
        try:
            return self._scan(text, ending=False)
        except texts.StoppedError as stopped:
            raise stopped.with_before("".join(before) + stopped.before) from None

    def _scan(self, new: str, *, ending: bool) -> str:
        text = self._text + new.encode("utf-8", "surrogatepass") if new else self._text
        shown: list[bytes] = []
        at = start = self._at
        while (found := self._search(text, at)) is not None:
            begin, end = found.span()
            if end == len(text) and not ending:
                break
            part = self._narrow(text, begin, end)
            if part is None:
                at = begin + 1
                while at < len(text) and text[at] & 0xC0 == 0x80:
                    at += 1
                continue
            shown.append(text[start : part[0]])
            if self._rule.replacement is None:
                raise texts.StoppedError(self._rule.name, _decode(b"".join(shown)))
            shown.append(self._rule.replacement.encode())
            at = start = part[1]
        until = len(text) if found is None else found.span()[0]
        if start == self._at and until == self._at and not shown:
            self._text = text
            return ""
        shown.append(text[start:until])
        keep = _last_character(text, until)
        self._text, self._at = text[keep:], until - keep
        return _decode(b"".join(shown))

    def _narrow(self, text: bytes, begin: int, end: int) -> tuple[int, int] | None:
        """The part of the match that is meant, as positions in ``text``."""
        narrow = self._rule.pattern.narrow
        if narrow is None:
            return begin, end
        before = _decode(text[_last_character(text, begin) : begin])
        after = _decode(text[end : _next_character(text, end)])
        match = _decode(text[begin:end])
        part = narrow(before, match, after)
        if part is None:
            return None
        return begin + len(_encode(match[: part[0]])), begin + len(_encode(match[: part[1]]))


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _last_character(text: bytes, end: int) -> int:
    """Where the character before ``end`` begins."""
    at = end
    while at > 0:
        at -= 1
        if text[at] & 0xC0 != 0x80:
            break
    return at


def _next_character(text: bytes, start: int) -> int:
    """Where the character at ``start`` ends."""
    at = start + 1
    while at < len(text) and text[at] & 0xC0 == 0x80:
        at += 1
    return min(at, len(text))
