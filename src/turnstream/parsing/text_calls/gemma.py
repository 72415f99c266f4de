"""Gemma's calls: ``call:NAME{key:<quote>text<quote>,n:3}``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from turnstream.parsing.text_calls import values
from turnstream.parsing.text_calls.answer import CUT_OFF, NOT_JSON, Answer, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Steps, stops
from turnstream.parsing.text_calls.values import Broken, Style, Truncated

_NAME_END = re.compile(r"[{\s<(]")


@dataclass(frozen=True, slots=True)
class Gemma:
    """``closes`` ends a call or a block of them."""

    style: Style
    closes: tuple[str, ...]

    def __call__(self, a: Answer, marker: str) -> Steps[None]:
        r = a.r
        seen = False
        while True:
            yield from r.space()
            if (yield from r.take(*self.closes)):
                return
            if not (yield from r.take("call:", ":")):
                if seen:
                    yield from r.take(",", ";")
                    if (yield from r.at("call:", ":", *self.closes)):
                        continue
                    return
                if not (yield from r.peek()):
                    raise Truncated
                mark = yield from r.before(stops(*self.closes), lambda piece: None)
                if not mark:
                    raise NotACall
                r.pos += len(mark)
                a.malformed("The text between the tool call's markers is no call.")
                return
            try:
                yield from self._call(a)
            except (Broken, Malformed) as error:
                yield from r.before(stops(*self.closes), lambda piece: None)
                a.malformed(str(error) or NOT_JSON)
            except Truncated:
                a.malformed(CUT_OFF)
                return
            seen = True
            r.record()

    def _call(self, a: Answer) -> Steps[None]:
        r = a.r
        a.call = None
        name = yield from r.run(_NAME_END, 256)
        yield from r.space()
        if not name:
            raise Malformed("The call names no tool.")
        if not (yield from r.take("{")):
            if not (yield from r.peek()):
                raise Truncated
            raise Malformed(NOT_JSON)
        it = a.start(name)
        it.emit("{")
        yield from values.value(r, it.emit, self.style, opened="}")
        it.done = True
