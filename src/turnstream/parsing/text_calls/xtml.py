"""Kimi K3's markup: ``<|open|>NAME attributes<|sep|> … <|close|>NAME<|sep|>``."""

from __future__ import annotations

import html

from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import CUT_OFF, NO_NAME, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import TruncatedError
from turnstream.parsing.text_calls.tagged import attributes
from turnstream.parsing.text_calls.values import ignore

OPEN, CLOSE, SEP, OVER = "<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"
_MARKS = stops(OPEN, CLOSE, OVER)


def read(parse: Parse, reasoning_open: bool) -> Parsing[None]:
    """The whole answer: ``think``, ``response`` and ``tools`` sections; text outside of them is text."""
    reader = parse.reader
    thinking = reasoning_open
    while True:
        mark = yield from reader.until(_MARKS, parse.out.reasoning if thinking else parse.out.text)
        if not mark:
            return
        parse.out.marker()
        if mark == OVER:
            yield from reader.until(stops(), ignore)
            return
        head, sep = yield from reader.collect(SEP)
        section = head.strip().split(" ", 1)[0]
        if not sep:
            return
        if mark == CLOSE:
            thinking = False
            if section == "message":
                yield from reader.until(stops(), ignore)
                return
        elif section == "tools":
            yield from _tools(parse)
        else:
            thinking = section == "think"


def _tools(parse: Parse) -> Parsing[None]:
    reader = parse.reader
    while True:
        parse.call = None
        reader.record()
        try:
            mark = yield from reader.until(_MARKS, ignore)
            if mark != OPEN:
                if not mark:
                    raise TruncatedError
                head, _ = yield from reader.collect(SEP)
                if head.strip() in ("tools", "message"):
                    return
                continue
            head, sep = yield from reader.collect(SEP)
            if not sep:
                raise TruncatedError
            name = html.unescape(attributes(head).get("tool", ""))
            if not name:
                raise MalformedError(NO_NAME)
            yield from _call(parse, parse.start(name))
        except TruncatedError:
            if parse.call is not None or reader.recorded().strip():
                parse.malformed(CUT_OFF)
            return
        except NotACallError:
            parse.out.text(reader.recorded())
            return
        except MalformedError as error:
            yield from reader.until(stops(f"{CLOSE}call{SEP}"), ignore)
            parse.malformed(str(error))
        finally:
            reader.forget()


def _call(parse: Parse, call: Call) -> Parsing[None]:
    reader = parse.reader
    while True:
        mark = yield from reader.until(_MARKS, ignore)
        head, sep = yield from reader.collect(SEP)
        if not mark or not sep:
            raise TruncatedError
        if mark == CLOSE:
            call.end()
            return
        found = attributes(head)
        call.member(html.unescape(found.get("key", "")))
        declared = parse.tools.types(call.name, found.get("key", ""))
        types = frozenset({found["type"]}) if found.get("type") else declared
        value = parse.typed_value(call, types)
        while (yield from reader.until(stops(CLOSE), value.push)):
            space = yield from reader.space()
            if (yield from reader.take(f"argument{SEP}", f"argument {SEP}")):
                value.close()
                break
            value.push(CLOSE + space)
        else:
            raise TruncatedError
