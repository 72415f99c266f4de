"""Calls that are a name between markers and then the arguments as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from turnstream.parsing.text_calls import json_calls
from turnstream.parsing.text_calls.answer import CUT_OFF, NO_NAME, NOT_JSON, Answer, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Reader, Steps, stops
from turnstream.parsing.text_calls.values import Broken, Truncated


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

    def __call__(self, a: Answer, marker: str) -> Steps[None]:
        r = a.r
        if marker in self.begin:
            r.pos -= len(marker)
            r.record()
        seen = False
        while True:
            yield from r.space()
            if self.closes and (yield from r.take(*self.closes)):
                return
            if not (yield from self._begins(r)):
                if not (yield from r.peek()):
                    if not seen:
                        raise Truncated
                    return
                if not seen:
                    raise NotACall
                return
            try:
                yield from self._call(a)
            except (Broken, Malformed) as error:
                yield from r.before(stops(*self.end, *self.closes, *self.begin, *self.again), lambda piece: None)
                a.malformed(str(error) or NOT_JSON)
                yield from self._ended(a)
            except Truncated:
                a.malformed(CUT_OFF)
                return
            seen = True
            r.record()
            if not self.begin:
                return

    def _begins(self, r: Reader) -> Steps[bool]:
        found = not self.begin
        while self.begin and (yield from r.take(*self.begin)):
            found = True
            yield from r.space()
        return found

    def _call(self, a: Answer) -> Steps[None]:
        r = a.r
        a.call = None
        stop = (*self.end, *self.closes, *self.begin, *self.again)
        name, mark = yield from r.collect(*self.sep, "{", *self.fences, *stop)
        if not mark:
            raise NotACall if not self.begin and _not_a_name(name) else Truncated
        if mark not in self.sep:
            r.pos -= len(mark)
        name = self.clean(name.strip())
        if name.isdigit():  # a counter: clear only if one tool is offered
            offered = list(a.tools.names)
            name = offered[0] if len(offered) == 1 else ""
        if not name:
            raise Malformed(NO_NAME)
        if not self.begin and _not_a_name(name):
            raise NotACall
        it = a.start(name)
        yield from r.space()
        while self.fences and (yield from r.take(*self.fences)):
            yield from r.space()
        if (yield from r.at(*stop)):
            it.end()
        else:
            yield from json_calls.arguments(a, it, stops(*stop))
            it.end()
        yield from self._ended(a)

    def _ended(self, a: Answer) -> Steps[None]:
        r = a.r
        marks = (*self.fences, *self.end)
        while marks:
            yield from r.space()
            if not (yield from r.take(*marks)):
                return
