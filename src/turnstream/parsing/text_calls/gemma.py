"""Gemma's calls: ``call:NAME{key:<quote>text<quote>,n:3}``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from turnstream.parsing.text_calls import values
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import CUT_OFF, NOT_JSON, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.values import BrokenError, Style, TruncatedError

_NAME_END = re.compile(r"[{\s<(]")


@dataclass(frozen=True, slots=True)
class Gemma:
    """``closes`` ends a call or a block of them."""

    style: Style
    closes: tuple[str, ...]

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        reader = parse.reader
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
                if not (yield from reader.peek()):
                    raise TruncatedError
                mark = yield from reader.before(stops(*self.closes), lambda piece: None)
                if not mark:
                    raise NotACallError
                reader.pos += len(mark)
                parse.malformed("The text between the tool call's markers is no call.")
                return
            try:
                yield from self._call(parse)
            except (BrokenError, MalformedError) as error:
                yield from reader.before(stops(*self.closes), lambda piece: None)
                parse.malformed(str(error) or NOT_JSON)
            except TruncatedError:
                parse.malformed(CUT_OFF)
                return
            seen = True
            reader.record()

    def _call(self, parse: Parse) -> Parsing[None]:
        reader = parse.reader
        parse.call = None
        name = yield from reader.run(_NAME_END, 256)
        yield from reader.space()
        if not name:
            raise MalformedError("The call names no tool.")
        if not (yield from reader.take("{")):
            if not (yield from reader.peek()):
                raise TruncatedError
            raise MalformedError(NOT_JSON)
        call = parse.start(name)
        call.emit("{")
        yield from values.value(reader, call.emit, self.style, opened="}")
        call.done = True
