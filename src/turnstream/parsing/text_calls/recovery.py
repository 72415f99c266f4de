"""Where a broken call ends, so that it costs only itself.

What was read of the call is searched first: its own end may have been taken for a piece of a string that was never
closed. The first of these is the end: the bracket that closes the call's first one; a marker outside of a string; a
marker in a string, if it is a token of the vocabulary, or if a line ends there or another call begins. Without one
of them, the stream is read on up to the next. What stands after the end is read again, as far as the budget of
the answer goes.
"""

from __future__ import annotations

import re
from collections.abc import Generator

from turnstream.parsing.text_calls.reader import Parsing, Stops, T, stops
from turnstream.parsing.text_calls.state import CUT_OFF, LOST, NOT_JSON, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import BrokenError, TruncatedError

REREAD = 65_536
"""So many characters of an answer are read twice, at most."""

MOST = 256
"""After so many calls a broken one takes the rest of the answer with it: the model is in a loop."""

JSON, PYTHON = '"', "\"'"
_BRACKET = {'"': re.compile(r'["\\{}\[\]()]').search, "\"'": re.compile(r"""["'\\{}\[\]()]""").search}
_QUOTE = {'"': re.compile(r'["\\]').search, "'": re.compile(r"['\\]").search}
_NEXT_CALL = re.compile(r"\}\s*+[,;]?\s*+(?=\{\s*+[\"']([\w.\-]+)[\"']\s*:)")
_FIRST_KEYS = frozenset({"name", "tool_name", "function", "type", "id", "tool_call_id"})
_NEXT_PYTHON = re.compile(r"(?<!\s)[,\n]\s*+(?=([A-Za-z_][\w.\-:]*)\()")
_GOES_ON = re.compile(r"\s*(?:\n|\Z|<|\[TOOL)")
_CLOSED_LINE = re.compile(r"(?<![}\])])[}\])]++[ \t]*+(?=\n)")


class Brackets:
    """Counts brackets outside of strings, in pieces. ``quotes`` are the characters that begin a string."""

    __slots__ = ("_escaped", "_quotes", "depth", "string")

    def __init__(self, quotes: str = JSON) -> None:
        self.depth = 0
        self.string = ""  # the quote that will end the string in which the text stands
        self._quotes = quotes
        self._escaped = False

    def feed(self, text: str, start: int, stop: int) -> int:
        """Where the first bracket is closed, within ``text[start:stop]``: the offset behind it, or -1."""
        at = start
        if self._escaped and at < stop:
            at, self._escaped = at + 1, False
        while True:
            found = (_QUOTE[self.string] if self.string else _BRACKET[self._quotes])(text, at, stop)
            if found is None:
                return -1
            at, char = found.end(), found[0]
            if char in "\"'":
                self.string = "" if self.string else char
            elif char == "\\":
                if self.string:
                    self._escaped = at >= stop
                    at += 1
            elif char in "{[(":
                self.depth += 1
            elif self.depth <= 1:
                return at
            else:
                self.depth -= 1


def recovering(parse: Parse, engine: Generator[None, None, T], ends: Stops, *, brackets: str = "") -> Parsing[T | None]:
    """Run what reads a call. A broken call is reported, and the reader stands where it ends: None is returned.

    ``ends`` are the markers that end it, ``brackets`` (`JSON`, `PYTHON`) that its brackets do as well.
    """
    try:
        return (yield from engine)
    except MalformedError as error:
        reason = str(error)
    except BrokenError:
        reason = NOT_JSON
    except TruncatedError:
        reason = CUT_OFF
    except NotACallError:
        if parse.call is None or parse.call.done:
            raise
        reason = LOST  # a call has begun, so it is not text
    yield from resync(parse, ends, brackets=brackets)
    parse.break_call(reason)
    return None


def resync(parse: Parse, ends: Stops, *, brackets: str, whole: bool = False) -> Parsing[None]:
    """Stand where the broken call ends: before a marker, behind a bracket, or at the end of the stream.

    ``whole`` says that it is perhaps not broken: what looks like the next call may stand in a string of it.
    """
    reader = parse.reader
    ends = _with_thoughts(parse, ends)
    brackets = brackets or (JSON if parse.json else "")
    parse.json = False
    if parse.out.calls > MOST:
        yield from _read_on(parse, stops(*parse.reasoning), None)
        return
    if not brackets:
        yield from _read_on(parse, ends, None)
        return
    raw = reader.recording()
    if (held := ends.live(raw, parse.began)) < len(raw):  # what may be the beginning of a marker is read with its rest
        reader.rewind(held)
        raw = raw[:held]
    counted = Brackets(brackets)
    at = _end(raw, parse.began, ends, counted)
    if at < 0:
        found = yield from _read_on(parse, ends, counted)
        raw = reader.recording()
        at = len(raw) if found else _last_resort(raw, parse.began, ends)
    following = -1 if whole else _next_call(parse, raw, brackets)
    if 0 <= following < at or (at < 0 <= following):
        at = following
    if 0 <= at < len(raw) and parse.reread + len(raw) - at <= REREAD:
        parse.reread += len(raw) - at
        reader.rewind(at)


def _next_call(parse: Parse, raw: str, brackets: str) -> int:
    """Where in a list of calls the one after the broken one begins, or -1."""
    start = parse.began + 1
    if brackets == JSON:
        objects = _NEXT_CALL.finditer(raw, start)
        names = parse.tools.names
        return next((found.start() + 1 for found in objects if found[1] in _FIRST_KEYS or found[1] in names), -1)
    calls = _NEXT_PYTHON.finditer(raw, start) if parse.tools.known else ()
    return next((call.start() for call in calls if call[1] in parse.tools.names), -1)


def _with_thoughts(parse: Parse, ends: Stops) -> Stops:
    return stops(*ends.literals, *parse.reasoning) if parse.reasoning else ends


def _is_token(mark: str) -> bool:
    """Whether a marker is a token of the vocabulary, which nobody writes into a string."""
    return not mark.startswith(("</", "`", "\n")) and mark[:1] in "<[" and not mark[1:2].isalpha()


def _end(raw: str, start: int, ends: Stops, counted: Brackets) -> int:
    at = start
    for found in ends.pattern.finditer(raw, start):
        closed = counted.feed(raw, at, found.start())
        if closed >= 0:
            return closed
        if not counted.string or _is_token(found[0]) or _GOES_ON.match(raw, found.end()):
            return found.start()
        at = found.start()
    return counted.feed(raw, at, len(raw))


def _read_on(parse: Parse, ends: Stops, counted: Brackets | None) -> Parsing[bool]:
    """Go on to the call's end; False if the stream has none."""
    reader = parse.reader
    while True:
        stop, mark = ends.find(reader.text, reader.pos, reader.ended)
        if counted is not None and (closed := counted.feed(reader.text, reader.pos, stop)) >= 0:
            reader.pos = closed
            return True
        reader.pos = stop
        if mark or reader.ended:
            return bool(mark)
        yield


def _last_resort(raw: str, start: int, ends: Stops) -> int:
    """The stream is over, and the call has no end: a marker anywhere, or a line that closes every bracket."""
    found = ends.search(raw, start)
    if found is not None:
        return found.start()
    depth, at = 0, start
    for line in _CLOSED_LINE.finditer(raw, start):
        part = raw[at : line.end()]
        depth += sum(map(part.count, "{[(")) - sum(map(part.count, "}])"))
        at = line.end()
        if depth <= 0:
            return at
    return -1
