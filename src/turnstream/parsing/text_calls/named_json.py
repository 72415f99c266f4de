"""Calls that are a name between markers and then the arguments as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from turnstream.parsing.text_calls import json_calls
from turnstream.parsing.text_calls.reader import Parsing, Reader, stops
from turnstream.parsing.text_calls.state import CUT_OFF, NO_NAME, NOT_JSON, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.values import BrokenError, TruncatedError


def _same(name: str) -> str:
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
    clean: Callable[[str], str] = _same
    again: tuple[str, ...] = ()
    """What also ends a name or a broken call: the marker itself."""

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        reader = parse.reader
        if marker in self.begin:
            reader.pos -= len(marker)
            reader.record()
        seen = False
        while True:
            yield from reader.space()
            if self.closes and (yield from reader.take(*self.closes)):
                return
            if not (yield from self._begins(reader)):
                if not (yield from reader.peek()):
                    if not seen:
                        raise TruncatedError
                    return
                if not seen:
                    raise NotACallError
                return
            try:
                yield from self._call(parse)
            except (BrokenError, MalformedError) as error:
                yield from reader.before(stops(*self.end, *self.closes, *self.begin, *self.again), lambda piece: None)
                parse.malformed(str(error) or NOT_JSON)
                yield from self._ended(parse)
            except TruncatedError:
                parse.malformed(CUT_OFF)
                return
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
        stop = (*self.end, *self.closes, *self.begin, *self.again)
        name, mark = yield from reader.collect(*self.sep, "{", *self.fences, *stop)
        if not mark:
            raise NotACallError if not self.begin and _not_a_name(name) else TruncatedError
        if mark not in self.sep:
            reader.pos -= len(mark)
        name = self.clean(name.strip())
        if name.isdigit():  # a counter: clear only if one tool is offered
            offered = list(parse.tools.names)
            name = offered[0] if len(offered) == 1 else ""
        if not name:
            raise MalformedError(NO_NAME)
        if not self.begin and _not_a_name(name):
            raise NotACallError
        call = parse.start(name)
        yield from reader.space()
        while self.fences and (yield from reader.take(*self.fences)):
            yield from reader.space()
        if (yield from reader.at(*stop)):
            call.end()
        else:
            yield from json_calls.arguments(parse, call, stops(*stop))
            call.end()
        yield from self._ended(parse)

    def _ended(self, parse: Parse) -> Parsing[None]:
        reader = parse.reader
        marks = (*self.fences, *self.end)
        while marks:
            yield from reader.space()
            if not (yield from reader.take(*marks)):
                return
