"""A cursor over a stream that is still arriving.

The engines are generators: they ask the reader for what they need and are suspended until it is there. The answer to
every question below depends on the stream alone and never on where a piece of it ended, so the law of cuts holds for
whatever is written with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import TypeAlias, TypeVar

from turnstream import events

T = TypeVar("T")
Parsing = Generator[None, None, T]
"""A parse in progress: it is suspended while the next piece is awaited, and returns a T."""

Plain: TypeAlias = type[events.TextDelta] | type[events.ReasoningDelta]

_NOT_SPACE = re.compile(r"\S")


class Stops:
    """A set of markers to search for, all at once.

    ``guards`` are lookaheads of markers that are ordinary characters: where one cannot match whatever comes, the marker
    is not found, and nothing needs to be tried.
    """

    def __init__(self, literals: Iterable[str], guards: Mapping[str, str] | None = None) -> None:
        self.literals = tuple(sorted(set(literals), key=len, reverse=True))
        self.longest = len(self.literals[0]) if self.literals else 0
        self._guards = guards or {}
        self.prefixes = frozenset(text[:end] for text in self.literals for end in range(1, len(text)))
        self._grows = frozenset(text for text in self.literals if text in self.prefixes)
        firsts = "".join(sorted({re.escape(text[0]) for text in self.literals}))
        self.first = re.compile(f"[{firsts}]" if firsts else r"(?!)").search
        """Finds what may begin a marker."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(_alternatives(self.literals, self._guards) if self.literals else r"(?!)")

    @cached_property
    def search(self) -> Callable[..., re.Match[str] | None]:
        return self.pattern.search

    def live(self, text: str, start: int) -> int:
        """Where the longest tail of ``text[start:]`` begins that could still become a marker; ``len(text)`` if none."""
        end = len(text)
        at = max(start, end - self.longest + 1)
        while (found := self.first(text, at)) is not None:
            at = found.start()
            if text[at:] in self.prefixes:
                return at
            at += 1
        return end

    def find(self, text: str, start: int, ended: bool) -> tuple[int, str]:
        """The leftmost, longest marker as (its position, itself); or (the end of what is surely none, "")."""
        found = self.search(text, start)
        if found is None:
            return (len(text) if ended else self.live(text, start)), ""
        at, marker = found.start(), found[0]
        if ended or len(text) - at >= self.longest:
            return at, marker
        if (live := self.live(text, start)) < at:
            return live, ""
        if marker in self._grows and text[at:] in self.prefixes:
            return at, ""
        return at, marker


def _alternatives(literals: Iterable[str], guards: Mapping[str, str], done: int = 0) -> str:
    """A pattern of the literals, the longer first; what they begin with in common is looked at once."""
    groups: dict[str, list[str]] = {}
    ending = None
    for text in literals:
        if len(text) == done:
            ending = guards.get(text, "")
        else:
            groups.setdefault(text[done], []).append(text)
    parts = []
    for texts in groups.values():
        first, last = min(texts), max(texts)
        common = next((i for i, char in enumerate(first) if last[i : i + 1] != char), len(first))
        parts.append(re.escape(texts[0][done:common]) + _alternatives(texts, guards, common))
    if ending is not None:
        parts.append(ending)
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


@lru_cache(maxsize=512)
def stops(*literals: str) -> Stops:
    return Stops(literals)


NEVER = stops()


class Reader:
    """``text[pos:]`` is what has come and is not consumed. ``ended`` says that nothing more will come."""

    __slots__ = ("_before", "_kept", "_tape", "_taped", "ended", "idle", "plain", "pos", "sink", "text")

    def __init__(self) -> None:
        self.text = ""
        self.pos = 0
        self.ended = False
        self._tape: list[str] | None = None
        self._taped = 0
        self._before = 0
        self._kept: list[str] | None = None
        self.idle: Callable[[str], re.Match[str] | None] | None = None
        self.plain: Plain = events.TextDelta
        self.sink: Callable[[str], object] | None = None

    def feed(self, piece: str) -> None:
        if self._kept is not None:
            self._kept.append(piece)
        if self._tape is not None:
            self._tape.append(self.text[self._taped : self.pos])
            self._before += self.pos - self._taped
            self._taped = 0
        self.text = self.text[self.pos :] + piece if self.pos < len(self.text) else piece
        self.pos = 0

    def pass_by(self, piece: str) -> None:
        """As `feed`, and all of it is consumed: a piece in which `idle` found nothing, while nothing is held back."""
        self.feed(piece)
        self.pos = len(piece)

    def rest(self, idle: Callable[[str], re.Match[str] | None], sink: Callable[[str], object]) -> Parsing[None]:
        """Wait for the next piece, with nothing held back: what ``idle`` finds nothing in goes to ``sink`` at once."""
        self.idle, self.sink = idle, sink
        yield
        self.idle = self.sink = None

    # What is consumed from here on can be read again, as it was.

    def record(self, back: int = 0) -> None:
        """Keep what is consumed from now on; ``back`` characters just consumed (and still at hand) are kept too."""
        self._tape = []
        self._taped = self.pos - back
        self._before = 0

    @property
    def offset(self) -> int:
        """How many characters were recorded."""
        return self._before + self.pos - self._taped

    def recording(self) -> str:
        return "".join(self._tape or ()) + self.text[self._taped : self.pos]

    def forget(self) -> None:
        self._tape = None

    def unread(self, count: int) -> None:
        """Put the last ``count`` recorded characters back before what comes; the recording ends."""
        if count <= self.pos:
            self.pos -= count
            self._tape = None
            return
        text = self.recording()
        self.give_back(text[len(text) - count :])

    def rewind(self, offset: int) -> None:
        """Stand again where so many characters were recorded; what was recorded before stays so."""
        count = self.offset - offset
        if offset >= self._before and count <= self.pos:
            self.pos -= count
            return
        text = self.recording()
        self.text = text[offset:] + self.text[self.pos :]
        self.pos = 0
        self._tape = [text[:offset]]
        self._before, self._taped = offset, 0

    # A second, longer record, which the first does not disturb: what was consumed since `keep`.

    def keep(self, back: int) -> None:
        """Keep what is consumed from ``back`` characters ago (they are still at hand)."""
        self._kept = [self.text[self.pos - back :]]

    def kept(self) -> str:
        text = "".join(self._kept or ())
        return text[: len(text) - len(self.text) + self.pos]

    def drop_kept(self) -> None:
        self._kept = None

    def give_back(self, text: str) -> None:
        """Put ``text`` before what comes; the recording ends."""
        self.text = text + self.text[self.pos :]
        self.pos = 0
        self._tape = None

    # Questions and moves.

    def peek(self, count: int = 1) -> Parsing[str]:
        """The next ``count`` characters, fewer only at the end of the stream."""
        while len(self.text) - self.pos < count and not self.ended:
            yield
        return self.text[self.pos : self.pos + count]

    def at(self, *literals: str) -> Parsing[str]:
        """The longest of the literals that the stream goes on with, or ""; nothing is consumed."""
        while True:
            text, pos = self.text, self.pos
            best, waits = "", False
            rest = len(text) - pos
            for literal in literals:
                if text.startswith(literal, pos):
                    if len(literal) > len(best):
                        best = literal
                elif rest < len(literal) and literal.startswith(text[pos:]):
                    waits = True
            if not waits or self.ended:
                return best
            yield

    def cut_in(self, *literals: str) -> bool:
        """Whether the stream ended within one of the literals."""
        rest = self.text[self.pos :] if self.ended else ""
        return bool(rest) and any(literal.startswith(rest) for literal in literals)

    def take(self, *literals: str) -> Parsing[str]:
        """As `at`, and what was found is consumed."""
        found = yield from self.at(*literals)
        self.pos += len(found)
        return found

    def space(self) -> Parsing[str]:
        """Consume white space and return it."""
        seen = ""
        while True:
            found = _NOT_SPACE.search(self.text, self.pos)
            end = found.start() if found else len(self.text)
            seen += self.text[self.pos : end]
            self.pos = end
            if found or self.ended:
                return seen
            yield

    def until(
        self,
        marks: Stops,
        sink: Callable[[str], object],
        *,
        plain: Plain | None = None,
        cut: tuple[Stops, Callable[[str], bool]] | None = None,
    ) -> Parsing[str]:
        """Give everything before the next marker to ``sink`` as it comes; consume the marker and return it.

        "" is returned at the end of the stream. Only a tail that may become a marker is held back. ``plain`` is
        what the sink makes of its pieces: while nothing is held back (what is kept is), `idle` finds out which need no
        parsing. ``cut`` are markers and a question: whether a piece of one with which the stream ends is dropped.
        """
        while True:
            at, marker = marks.find(self.text, self.pos, self.ended)
            if self.ended and not marker and cut is not None:
                at = cut[0].live(self.text, self.pos)
            if at > self.pos:
                sink(self.text[self.pos : at])
                self.pos = at
            if marker:
                self.pos = at + len(marker)
                return marker
            if self.ended:
                rest = self.text[self.pos :]
                self.pos = len(self.text)
                if rest and not (cut is not None and cut[1](rest)):
                    sink(rest)
                return ""
            if self.pos < len(self.text):
                yield
            elif plain is None or self._kept is not None:
                yield from self.rest(marks.first, sink)
            else:
                self.idle, self.plain = marks.first, plain
                yield
                self.idle = None

    def run(self, outside: re.Pattern[str], limit: int = 1 << 30) -> Parsing[str]:
        """Consume and return what stands before the next match of ``outside``, or some more than ``limit``."""
        seen: list[str] = []
        size = 0
        while True:
            found = outside.search(self.text, self.pos)
            end = found.start() if found else len(self.text)
            seen.append(self.text[self.pos : end])
            size += end - self.pos
            self.pos = end
            if found or self.ended or size > limit:
                return "".join(seen)
            yield

    def before(self, marks: Stops, sink: Callable[[str], object], *, plain: Plain | None = None) -> Parsing[str]:
        """As `until`, but the marker is not consumed."""
        marker = yield from self.until(marks, sink, plain=plain)
        self.pos -= len(marker)
        return marker

    def ahead(self, end: re.Pattern[str], skip: int = 0, limit: int = 256) -> Parsing[str]:
        """What stands up to and with what ``end`` matches, from ``skip`` on; not consumed; "" if it is too far."""
        while True:
            found = end.search(self.text, self.pos + skip, self.pos + limit)
            if found:
                return self.text[self.pos : found.end()]
            if self.ended or len(self.text) - self.pos >= limit:
                return ""
            yield

    def before_within(self, limit: int, marks: Stops) -> Parsing[tuple[str, str]]:
        """As `collect`, but nothing is consumed; ("", "") if no marker begins within so many characters."""
        while True:
            window = self.pos + limit + marks.longest
            at, marker = marks.find(self.text[:window], self.pos, self.ended or len(self.text) >= window)
            if marker and at - self.pos <= limit:
                return self.text[self.pos : at], marker
            if marker or self.ended or len(self.text) >= window:
                return "", ""
            yield

    def collect_within(self, limit: int, *marks: str) -> Parsing[tuple[str, str]]:
        """As `collect`; ("", "") and nothing consumed if no marker begins within so many characters."""
        said, marker = yield from self.before_within(limit, stops(*marks))
        self.pos += len(said) + len(marker)
        return said, marker

    def collect_before(self, *marks: str) -> Parsing[tuple[str, str]]:
        """As `collect`, but the marker is not consumed."""
        said, marker = yield from self.collect(*marks)
        self.pos -= len(marker)
        return said, marker

    def collect(self, *marks: str) -> Parsing[tuple[str, str]]:
        """(what stands before the next marker, the marker); the marker is "" at the end of the stream."""
        parts: list[str] = []
        marker = yield from self.until(stops(*marks), parts.append)
        return "".join(parts), marker
