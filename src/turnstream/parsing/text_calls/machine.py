"""The outermost loop: text and reasoning, and what their markers begin."""

from __future__ import annotations

from turnstream.events import ReasoningDelta, TextDelta
from turnstream.parsing.text_calls.answer import CUT_OFF, NOT_JSON, Answer, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Steps, stops
from turnstream.parsing.text_calls.regions import Engine
from turnstream.parsing.text_calls.values import Broken, Emit, Truncated

RESCANNED = 512
"""So many characters of what was no call are searched again for markers: a bound, so that it stays linear."""


def read(a: Answer, reasoning_open: bool) -> Steps[None]:
    """Read the whole answer."""
    form = a.format
    opens = form.opens
    thinks = dict(form.thinks)
    marks = stops(*opens, *thinks, *thinks.values(), *form.strays, *form.noise)
    if reasoning_open or form.reasons_first:
        yield from _reasoning(a, tuple(thinks.values()))
    fresh = True
    while True:
        if fresh and form.start is not None:
            yield from attempt(a, form.start, "", a.out.text)
        fresh = False
        found = yield from a.r.until(marks, a.out.text, plain=TextDelta)
        if not found:
            return
        if found in opens:
            yield from attempt(a, opens[found], found, a.out.text)
        elif found in thinks:
            a.out.marker()
            yield from _reasoning(a, (thinks[found],))
            fresh = True
        elif found == "</think>" and a.out.plain and not a.out.calls:
            a.out.text(found)  # it closes nothing: somebody writes about it
        elif found in form.noise or found in thinks.values():
            a.out.marker()
            fresh = found in thinks.values()
        elif a.out.calls:
            a.out.marker()
        else:
            a.out.text(found)


def _reasoning(a: Answer, closes: tuple[str, ...]) -> Steps[None]:
    """Up to the closer, or to a call where the format lets a call end the reasoning."""
    form = a.format
    breaks = tuple(set(form.opens) - set(form.loose)) if form.calls_end_reasoning else ()
    again = tuple(open for open, close in a.format.thinks if close in closes)
    a.reasoning = True
    marks = stops(*closes, *breaks, *again, *a.format.noise)
    while True:
        found = yield from a.r.until(marks, a.out.reasoning, cut_short=True, plain=ReasoningDelta)
        if found and found not in closes and found not in breaks:
            if found in again and a.out.reasoned:
                a.out.reasoning(found)
            continue
        a.out.marker()
        if not found or found in closes or (yield from attempt(a, a.format.opens[found], found, a.out.reasoning)):
            a.reasoning = False
            return


def attempt(a: Answer, engine: Engine, marker: str, sink: Emit) -> Steps[bool]:
    """Read what may be a call. What is none is given back to ``sink`` (False); what is broken is said to be."""
    a.call = None
    before = a.out.calls
    a.r.record(len(marker))
    try:
        yield from engine(a, marker)
        a.out.marker()
    except NotACall:
        raw = a.r.recorded()
        if a.out.calls > before:
            marker = ""  # it is done with
        if len(raw) < len(marker):  # the engine looked at it from its start
            a.r.pos += len(marker) - len(raw)
            raw = marker
        if len(raw) > RESCANNED or raw == marker != "":
            sink(raw)
            a.r.forget()
        else:
            start = len(marker) if raw.startswith(marker) else 0
            sink(raw[:start])
            a.r.unread(len(raw) - start)
        return False
    except Truncated:
        a.malformed(CUT_OFF)
    except (Broken, Malformed) as error:
        yield from a.r.until(stops(), lambda piece: None)
        a.malformed(str(error) or NOT_JSON)
    a.r.forget()
    return True
