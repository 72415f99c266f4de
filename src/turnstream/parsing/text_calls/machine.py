"""The outermost loop: text and reasoning, and what their markers begin.

**State**: in text, or in reasoning and then by which tags it is closed; whether a call within the reasoning is held.
**Held back**: of text and reasoning the tail that may become a marker. A marker on a line of text may be written
about: in backticks it is text at once, else what follows it decides. A call within reasoning is held, with all that
follows it, until the reasoning closes (all of it was a thought) or the answer ends (it was a call). **What ends it**:
the end of the stream; a piece of a marker with which it ends, right after a call, is dropped. **Cost**: what was no
call is looked at twice, within the answer's budget.
"""

from __future__ import annotations

import re

from turnstream import events
from turnstream.parsing.text_calls import recovery
from turnstream.parsing.text_calls.format import Format
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.regions import Engine
from turnstream.parsing.text_calls.state import CUT_OFF, NotACallError, Parse
from turnstream.parsing.text_calls.strings import Emit

RESCANNED = 4_096
"""So many characters of what was not a call are searched again for markers."""

_QUOTES = "\"'`([{*_/|=“‘«,:、，：（「"
_BEFORE_MENTION = _QUOTES + " \t\u00a0"
_VISIBLE = re.compile(r"[^\ufeff\u200b\u200c\u200d\u2060]")
_NOT_SPACE = re.compile(r"\S")
_SPACE = re.compile(r"\s")
_ODD = re.compile(r"[_:｜|]")


def read(parse: Parse, form: Format, reasoning_open: bool) -> Parsing[None]:
    """Read the whole answer."""
    yield from _Machine(parse, form).read(reasoning_open)


class _Machine:
    __slots__ = ("_form", "_parse", "_thinks", "_written")

    def __init__(self, parse: Parse, form: Format) -> None:
        self._parse, self._form = parse, form
        self._thinks = dict(form.thinks)
        self._written = ""  # the closer of the tag that was given as text

    def read(self, reasoning_open: bool) -> Parsing[None]:
        parse, form = self._parse, self._form
        if reasoning_open or form.reasons_first:
            yield from self._thoughts(tuple(form.closers))
        elif form.untold:
            yield from self._untold_thoughts()
        parse.out.text((yield from parse.reader.run(_VISIBLE)))
        fresh = True
        while True:
            if fresh and form.start is not None:
                parse.inline = False
                yield from self._attempt(form.start, "")
            cut = (form.tails, self._is_cut_marker)
            found = yield from parse.reader.until(form.text_marks, parse.out.text, plain=events.TextDelta, cut=cut)
            if found:
                fresh = yield from self._marker(found)
            elif parse.holding and self._is_closed_within():
                fresh = True
            else:
                return

    def _is_cut_marker(self, tail: str) -> bool:
        """Whether a piece of a marker with which the stream ends is dropped."""
        out = self._parse.out
        if (out.calls and out.fresh) or (len(tail) > 3 and tail[:2] in ("<|", "<｜", "[|")):
            return True
        # It stands apart, and has a sign that no word of a text and no element of HTML has: ``<tool_ca``.
        return tail[:1] in "<[" and len(tail) > 4 and _ODD.search(tail) is not None and not self._within_a_line()

    def _marker(self, found: str) -> Parsing[bool]:
        """What a marker begins. Whether what follows stands where an answer begins."""
        parse, form, out = self._parse, self._form, self._parse.out
        engine = form.opens.get(found)
        at_line_start = found[0] == "\n"
        if at_line_start:
            out.text("\n")
            found = found[1:]
        if out.line.endswith("`") and not out.line.endswith("```") and found[0] != "`":
            out.text(found)
        elif engine is not None:
            parse.inline = self._within_a_line()
            yield from self._attempt(engine, found, search_it=at_line_start)
        elif found in self._thinks:
            return (yield from self._thought_opener(found))
        elif found in form.closers:
            return self._thought_closer(found)
        elif found in form.over:
            yield from self._end_token(found, out.text)
        elif found in form.noises or out.calls:
            out.marker()
        else:
            out.text(found)
        return False

    def _within_a_line(self) -> bool:
        """Whether the marker stands in a line of text. Right behind a word or a sentence it stands apart."""
        line = self._parse.out.line
        return bool(line.strip()) and (line[-1] in _BEFORE_MENTION or (line[-1] > "\u2e80" and line[-1].isalnum()))

    def _end_token(self, token: str, sink: Emit) -> Parsing[None]:
        reader, out = self._parse.reader, self._parse.out
        space = yield from reader.space()
        marks = self._form.text_marks.literals
        if (out.calls and out.fresh) or not (yield from reader.peek()) or (yield from reader.at(*marks)):
            if sink == out.text:
                out.marker()
            sink(space)
        else:
            sink(token + space)

    # ------------------------------------------------------------------------------------------------------ thoughts

    def _thought_opener(self, tag: str) -> Parsing[bool]:
        parse, out = self._parse, self._parse.out
        line = out.line
        if out.fenced or not (out.fresh or not line.strip() or (yield from self._opens_thoughts(tag, line[-1]))):
            out.text(tag)
            self._written = self._thinks[tag]
            return False
        out.marker()
        closed = yield from self._thoughts((self._thinks[tag],))
        if closed and parse.holding:
            self._take_back(closed)
        return True

    def _opens_thoughts(self, tag: str, before: str) -> Parsing[bool]:
        """Whether a tag within a line opens thoughts: behind a sentence, or a token with no blank after it."""
        if not before.isspace():
            return before in ".!?…。！？" or (_is_token(tag) and before not in _QUOTES)
        char = yield from self._parse.reader.peek()
        return _is_token(tag) and bool(char) and not char.isspace()

    def _thought_closer(self, tag: str) -> bool:
        parse, out = self._parse, self._parse.out
        if parse.holding and tag in parse.reasoning:
            self._take_back(tag)
            return True
        if tag == self._written or (tag == "</think>" and out.plain and (not out.calls or out.fenced)):
            out.text(tag)  # it closes nothing: somebody writes about it
            self._written = ""
            return False
        if out.plain and out.line and out.line[-1].isspace() and not out.calls and out.line.strip():
            out.text(tag)
            return False
        out.marker()
        return True

    def _take_back(self, closer: str) -> None:
        """The thoughts close: all that stands since the call in them was a thought."""
        parse = self._parse
        thought = parse.take_back().removesuffix(closer)
        parse.out.reasoning(thought)
        parse.out.marker()
        parse.reasoning = ()

    def _is_closed_within(self) -> bool:
        """The answer ends with a broken call in the thoughts: whether it swallowed their closer. If not, it counts."""
        parse, reader = self._parse, self._parse.reader
        text = reader.kept() if parse.out.broken else ""
        found = stops(*parse.reasoning).search(text) if parse.reasoning else None
        if found is None or parse.reread + len(text) > recovery.REREAD:
            parse.release()
            return False
        parse.reread += len(text)
        self._take_back_to(found.end())
        return True

    def _take_back_to(self, end: int) -> None:
        parse = self._parse
        text = parse.take_back()
        closer = next(close for close in parse.reasoning if text[:end].endswith(close))
        parse.out.reasoning(text[: end - len(closer)])
        parse.out.marker()
        parse.reasoning = ()
        parse.reader.give_back(text[end:])

    def _thoughts(self, closes: tuple[str, ...]) -> Parsing[str]:
        """Up to the closer, which is returned, or to a call (a held one: ""), or to the end ("")."""
        parse, form, reader = self._parse, self._form, self._parse.reader
        again = tuple(open for open, close in form.thinks if close in closes)
        breaks = frozenset() if parse.holding else form.breaks
        parse.reasoning = closes if not parse.holding else (*parse.reasoning, *closes)
        marks = stops(*closes, *breaks, *again, *form.noises, *form.over)
        while True:
            out = parse.out
            cut = (marks, lambda tail: len(tail) > 1)
            found = yield from reader.until(marks, out.reasoning, plain=events.ReasoningDelta, cut=cut)
            if not found:
                return ""
            quoted = out.line.endswith("`")
            if found in breaks and getattr(form.opens[found], "skips", False):
                yield from form.opens[found](parse, found)
            elif found in breaks:
                if not quoted and (yield from self._call_in_thoughts(found)):
                    return ""
                if quoted:
                    out.reasoning(found)
            elif found in closes:
                if not (quoted and (yield from reader.at("`"))):
                    out.marker()
                    if not parse.holding:
                        parse.reasoning = ()
                    return found
                out.reasoning(found)
            elif found in form.over:
                yield from self._end_token(found, out.reasoning)
            elif found in again and out.reasoned:
                out.reasoning(found)

    def _call_in_thoughts(self, marker: str) -> Parsing[bool]:
        """Read what may be a call within thoughts, and hold it."""
        parse = self._parse
        parse.hold(len(marker))
        parse.inline = True
        return (yield from self._attempt(self._form.opens[marker], marker, held=True))

    def _untold_thoughts(self) -> Parsing[None]:
        """An answer that begins with the thoughts' own word: thoughts whose opener got lost, if they are closed."""
        parse, reader, word = self._parse, self._parse.reader, self._form.untold
        closes = tuple(self._form.closers)
        if not (yield from reader.at(word)):
            return
        reader.pos += len(word)
        reader.record(len(word))
        if (yield from reader.until(stops(*closes, *self._form.opens), lambda piece: None)) in closes:
            text = reader.recording()
            closer = next(close for close in closes if text.endswith(close))
            parse.out.reasoning(text.removeprefix(word).removesuffix(closer))
            parse.out.marker()
            reader.forget()
        else:
            reader.unread(reader.offset)

    # --------------------------------------------------------------------------------------------------------- calls

    def _attempt(self, engine: Engine, marker: str, *, search_it: bool = False, held: bool = False) -> Parsing[bool]:
        """Read what may be a call. What is not is given back (False); what is broken is reported.

        With ``search_it`` another marker may begin where this one does. ``held`` says that it is held as it stands
        within thoughts: what is no call is a thought.
        """
        parse, reader = self._parse, self._parse.reader
        parse.call = None
        before = parse.out.calls
        reader.record(len(marker))
        parse.began = reader.offset
        try:
            yield from recovery.recovering(parse, engine(parse, marker), stops(*self._form.strays))
            parse.out.marker()
        except NotACallError:
            called = parse.out.calls > before
            self._give_back("" if called else marker, search_it, held)
            return called
        reader.forget()
        if parse.out.calls > before and not parse.out.broken:
            yield from self._pass_cut_closer()
        return True

    def _pass_cut_closer(self) -> Parsing[None]:
        """A closer that was begun and not ended, on a line's end behind the call, is not text."""
        reader = self._parse.reader
        reader.record()
        yield from reader.space()
        begun = yield from reader.at("</", "<|", "<｜")
        piece = (yield from reader.ahead(_SPACE, 0, 40)).rstrip() if begun else ""
        if len(piece) > 3 and any(end.startswith(piece) and end != piece for end in self._form.ends):
            reader.pos += len(piece)
        else:
            reader.rewind(0)
        reader.forget()

    def _give_back(self, marker: str, search_it: bool, held: bool) -> None:
        """What was recorded is text: it is given, and searched for other markers."""
        parse, reader = self._parse, self._parse.reader
        raw = reader.recording()
        if len(raw) < len(marker):  # the engine looked at it from its start
            reader.pos += len(marker) - len(raw)
            raw = marker
        start = len(marker) if raw.startswith(marker) and not search_it else 0
        sink = parse.out.text
        if marker and held:
            parse.take_back()
            sink = parse.out.reasoning
        if raw == marker and _is_token(marker) and len(marker) > 3 and reader.ended and reader.pos == len(reader.text):
            if not held:
                parse.break_call(CUT_OFF)  # nobody ends a text with a token
            reader.forget()
            return
        if len(raw) > RESCANNED or parse.reread + len(raw) - start > recovery.REREAD or (start and raw == marker):
            sink(raw)
            reader.forget()
        else:
            parse.reread += len(raw) - start
            sink(raw[:start])
            reader.unread(len(raw) - start)


def _is_token(marker: str) -> bool:
    return marker.startswith(("<|", "<｜", "[", "]<"))
