"""The outermost loop: text and reasoning, and what their markers begin."""

from __future__ import annotations

from turnstream.parsing.text_calls.answer import CUT_OFF, NOT_JSON, Answer, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Steps, stops
from turnstream.parsing.text_calls.regions import Engine
from turnstream.parsing.text_calls.values import Broken, Truncated


def read(a: Answer, reasoning_open: bool) -> Steps[None]:
    """Read the whole answer."""
    form = a.format
    opens = form.opens
    thinks = dict(form.thinks)
    marks = stops(*opens, *thinks, *thinks.values(), *form.closes, *form.noise)
    if reasoning_open:
        yield from _reasoning(a, tuple(thinks.values()))
    fresh = True
    while True:
        if fresh and form.start is not None:
            yield from _attempt(a, form.start, "")
        fresh = False
        found = yield from a.r.until(marks, a.out.text)
        if not found:
            return
        if found in opens:
            yield from _attempt(a, opens[found], found)
        elif found in thinks:
            a.out.marker()
            yield from _reasoning(a, (thinks[found],))
            fresh = True
        elif found in form.noise or found in thinks.values():
            a.out.marker()
            fresh = found in thinks.values()
        elif a.out.calls:
            a.out.marker()
        else:
            a.out.text(found)


def _reasoning(a: Answer, closes: tuple[str, ...]) -> Steps[None]:
    """Up to the closer, or to a call where the format lets a call end the reasoning."""
    breaks = tuple(a.format.opens) if a.format.calls_end_reasoning else ()
    again = tuple(open for open, close in a.format.thinks if close in closes)
    while True:
        found = yield from a.r.until(stops(*closes, *breaks, *again), a.out.reasoning)
        if found in again:
            continue
        if found in breaks and found:
            a.r.pos -= len(found)
        a.out.marker()
        return


def _attempt(a: Answer, engine: Engine, marker: str) -> Steps[None]:
    """What may be a call. What is none is given back as text; what is broken is said to be."""
    a.call = None
    a.r.record(len(marker))
    try:
        yield from engine(a, marker)
        a.out.marker()
    except NotACall:
        a.out.text(a.r.recorded())
    except Truncated:
        a.malformed(CUT_OFF)
    except (Broken, Malformed) as error:
        yield from a.r.until(stops(), lambda piece: None)
        a.malformed(str(error) or NOT_JSON)
    a.r.forget()
