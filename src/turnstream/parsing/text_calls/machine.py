"""The outermost loop: text and reasoning, and what their markers begin."""

from __future__ import annotations

from turnstream.events import ReasoningDelta, TextDelta
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.regions import Engine
from turnstream.parsing.text_calls.state import CUT_OFF, NOT_JSON, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.values import BrokenError, Emit, TruncatedError

RESCANNED = 512
"""So many characters of what was no call are searched again for markers: a bound, so that it stays linear."""


def read(parse: Parse, reasoning_open: bool) -> Parsing[None]:
    """Read the whole answer."""
    form = parse.format
    opens = form.opens
    thinks = dict(form.thinks)
    marks = stops(*opens, *thinks, *thinks.values(), *form.strays, *form.noise)
    if reasoning_open or form.reasons_first:
        yield from _reasoning(parse, tuple(thinks.values()))
    fresh = True
    while True:
        if fresh and form.start is not None:
            yield from attempt(parse, form.start, "", parse.out.text)
        fresh = False
        found = yield from parse.reader.until(marks, parse.out.text, plain=TextDelta)
        if not found:
            return
        if found in opens:
            yield from attempt(parse, opens[found], found, parse.out.text)
        elif found in thinks:
            parse.out.marker()
            yield from _reasoning(parse, (thinks[found],))
            fresh = True
        elif found == "</think>" and parse.out.plain and not parse.out.calls:
            parse.out.text(found)  # it closes nothing: somebody writes about it
        elif found in form.noise or found in thinks.values():
            parse.out.marker()
            fresh = found in thinks.values()
        elif parse.out.calls:
            parse.out.marker()
        else:
            parse.out.text(found)


def _reasoning(parse: Parse, closes: tuple[str, ...]) -> Parsing[None]:
    """Up to the closer, or to a call where the format lets a call end the reasoning."""
    form = parse.format
    breaks = tuple(set(form.opens) - set(form.loose)) if form.calls_end_reasoning else ()
    again = tuple(open for open, close in parse.format.thinks if close in closes)
    parse.reasoning = True
    marks = stops(*closes, *breaks, *again, *parse.format.noise)
    while True:
        found = yield from parse.reader.until(marks, parse.out.reasoning, cut_short=True, plain=ReasoningDelta)
        if found and found not in closes and found not in breaks:
            if found in again and parse.out.reasoned:
                parse.out.reasoning(found)
            continue
        parse.out.marker()
        if (
            not found
            or found in closes
            or (yield from attempt(parse, parse.format.opens[found], found, parse.out.reasoning))
        ):
            parse.reasoning = False
            return


def attempt(parse: Parse, engine: Engine, marker: str, sink: Emit) -> Parsing[bool]:
    """Read what may be a call. What is none is given back to ``sink`` (False); what is broken is said to be."""
    parse.call = None
    before = parse.out.calls
    parse.reader.record(len(marker))
    try:
        yield from engine(parse, marker)
        parse.out.marker()
    except NotACallError:
        raw = parse.reader.recorded()
        if parse.out.calls > before:
            marker = ""  # it is done with
        if len(raw) < len(marker):  # the engine looked at it from its start
            parse.reader.pos += len(marker) - len(raw)
            raw = marker
        if len(raw) > RESCANNED or raw == marker != "":
            sink(raw)
            parse.reader.forget()
        else:
            start = len(marker) if raw.startswith(marker) else 0
            sink(raw[:start])
            parse.reader.unread(len(raw) - start)
        return False
    except TruncatedError:
        parse.malformed(CUT_OFF)
    except (BrokenError, MalformedError) as error:
        yield from parse.reader.until(stops(), lambda piece: None)
        parse.malformed(str(error) or NOT_JSON)
    parse.reader.forget()
    return True
