"""Kimi K3's markup: ``<|open|>NAME attributes<|sep|> … <|close|>NAME<|sep|>``."""

from __future__ import annotations

import html

from turnstream.parsing.text_calls.answer import CUT_OFF, NO_NAME, Answer, Call, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Steps, stops
from turnstream.parsing.text_calls.tagged import attributes
from turnstream.parsing.text_calls.values import Truncated

OPEN, CLOSE, SEP, OVER = "<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"
_MARKS = stops(OPEN, CLOSE, OVER)


def read(a: Answer, reasoning_open: bool) -> Steps[None]:
    """The whole answer: ``think``, ``response`` and ``tools`` sections; text outside of them is text."""
    r = a.r
    thinking = reasoning_open
    while True:
        mark = yield from r.until(_MARKS, a.out.reasoning if thinking else a.out.text)
        if not mark:
            return
        a.out.marker()
        if mark == OVER:
            yield from r.until(stops(), _ignore)
            return
        head, sep = yield from r.collect(SEP)
        section = head.strip().split(" ", 1)[0]
        if not sep:
            return
        if mark == CLOSE:
            thinking = False
            if section == "message":
                yield from r.until(stops(), _ignore)
                return
        elif section == "tools":
            yield from _tools(a)
        else:
            thinking = section == "think"


def _tools(a: Answer) -> Steps[None]:
    r = a.r
    while True:
        a.call = None
        r.record()
        try:
            mark = yield from r.until(_MARKS, _ignore)
            if mark != OPEN:
                if not mark:
                    raise Truncated
                head, _ = yield from r.collect(SEP)
                if head.strip() in ("tools", "message"):
                    return
                continue
            head, sep = yield from r.collect(SEP)
            if not sep:
                raise Truncated
            name = html.unescape(attributes(head).get("tool", ""))
            if not name:
                raise Malformed(NO_NAME)
            yield from _call(a, a.start(name))
        except Truncated:
            if a.call is not None or r.recorded().strip():
                a.malformed(CUT_OFF)
            return
        except NotACall:
            a.out.text(r.recorded())
            return
        except Malformed as error:
            yield from r.until(stops(f"{CLOSE}call{SEP}"), _ignore)
            a.malformed(str(error))
        finally:
            r.forget()


def _call(a: Answer, it: Call) -> Steps[None]:
    r = a.r
    while True:
        mark = yield from r.until(_MARKS, _ignore)
        head, sep = yield from r.collect(SEP)
        if not mark or not sep:
            raise Truncated
        if mark == CLOSE:
            it.end()
            return
        found = attributes(head)
        it.member(html.unescape(found.get("key", "")))
        declared = a.tools.types(it.name, found.get("key", ""))
        types = frozenset({found["type"]}) if found.get("type") else declared
        value = a.typed_value(it, types)
        while (yield from r.until(stops(CLOSE), value.push)):
            space = yield from r.space()
            if (yield from r.take(f"argument{SEP}", f"argument {SEP}")):
                value.close()
                break
            value.push(CLOSE + space)
        else:
            raise Truncated


def _ignore(piece: str) -> None:
    return None
