"""Calls that are a name and then pairs of tags, one for a parameter's key and one for its value.

**State**: the call, once its name is followed by what may follow a name. **Held back**: of a string what may become
its closer; from a call's closer within a value on, everything, until the value's closer comes (the closer was text)
or another call or the end of the stream (the value lost its closer). **What ends it**: the call's closer or opener; at
the end of the stream a call whose last pair is whole is a call. A damaged pair is read where it can mean one thing
only; else the call is malformed. **Cost**: each character once, what was held twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from turnstream.parsing.text_calls import json_calls, tagged
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import LOST, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import Emit, TruncatedError
from turnstream.parsing.text_calls.typed_value import encode_typed
from turnstream.parsing.text_calls.values import ignore

_LOOSE = re.compile(r"""([\w.-]+)=("[^"]*"|'[^']*'|\S+)""")
_NEWLINES = re.compile(r"(?:\\n|\s)*")
_MISSPELT = re.compile(r"</[\w:|]*(?:call|CALL|tool|TOOL)\w*>|<[|｜][\w:|｜▁]*end[\w:|｜▁]*>")
_TAG_END = re.compile(r"[^\w:|｜▁]")
_LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class Pairs:
    """A family that writes each parameter as a key tag and a value tag."""

    key: str
    key_end: str
    value: str
    value_end: str
    ends: tuple[str, ...]
    sep: str = ""
    type: str = ""
    type_end: str = ""
    trim: bool = False
    loose: bool = False
    """``NAME key=value key=value`` is a call too."""
    again: str = ""
    """What begins a call, where that also ends one."""
    tokens: bool = False
    """The markers are tokens of the vocabulary: none of them is ever text. Values are not marked: ``value`` is ""."""

    @property
    def closers(self) -> tuple[str, ...]:
        return tuple(end for end in self.ends if end != self.again)


def misspelt(parse: Parse) -> Parsing[str]:
    """Another word for a call's closer that stands here, not consumed."""
    if not (yield from parse.reader.at("</", "<|", "<｜")):
        return ""
    found = yield from parse.reader.ahead(_TAG_END, 2, 40)
    return found if _MISSPELT.fullmatch(found) else ""


def _some(*marks: str) -> tuple[str, ...]:
    return tuple(mark for mark in marks if mark)


def call(parse: Parse, pairs: Pairs, *, weak: bool = False) -> Parsing[None]:
    """``NAME`` and its pairs, or ``NAME`` and a JSON object; the reader stands where the name begins."""
    reader = parse.reader
    parse.call = None
    name = yield from _name(parse, pairs, weak=weak)
    if not name:
        return
    seps = (pairs.sep,) if pairs.sep else ()
    marks = _some(pairs.key, pairs.value, pairs.key_end, pairs.value_end, *pairs.ends, *seps, "{", "\\n")
    call: Call | None = None
    while True:
        yield from reader.space()
        found = yield from reader.at(*marks)
        if not found and (yield from misspelt(parse)) and (call is not None or parse.tools.offers(name)):
            (call or parse.start(name)).end()
            return
        if call is None:
            if not found and (yield from reader.peek()):
                if reader.cut_in(*marks):
                    raise TruncatedError
                damaged = not weak and not parse.inline and (yield from reader.at("<"))
                raise MalformedError(LOST) if damaged else NotACallError
            if found in pairs.ends and (weak or parse.inline) and not parse.tools.known:
                raise NotACallError
            if found == pairs.again and found and not (yield from _new_name(parse, pairs, name)):
                return  # the call is begun again
            call = parse.start(name)
        if found == "{" and not call.given:
            yield from json_calls.arguments(parse, call, stops(*pairs.ends))
            yield from json_calls.closers(reader)
        elif found == pairs.key:
            yield from _pair(parse, pairs, call)
        elif found and found in (*seps, "\\n"):
            reader.pos += len(found)
        elif found and found in pairs.ends:
            call.end()
            return
        elif (found and found in (pairs.key_end, pairs.value)) or (found == "{" and call.given):
            raise MalformedError(LOST)
        elif found == pairs.value_end:
            reader.pos += len(found)
        elif not (yield from reader.peek()):
            tagged.whole_without_closer(parse, call, not call.given)
            call.end()
            return
        else:
            said, _ = yield from reader.collect_before(pairs.key, *pairs.ends)
            if "</" in said or not call.given:
                raise MalformedError(LOST)


def _name(parse: Parse, pairs: Pairs, *, weak: bool) -> Parsing[str]:
    """The tool's name, and the separator or ``>`` after it; "" if it was a whole call in a loose spelling."""
    reader, tools = parse.reader, parse.tools
    seps = (pairs.sep,) if pairs.sep else ()
    marks = (pairs.key, pairs.key_end, pairs.value_end, *pairs.ends, "\n", "\\n", "{", ">", "<", *seps)
    if not pairs.loose and (yield from tagged.words_follow(parse)):
        raise NotACallError
    name, mark = yield from reader.collect_within(_LONGEST_NAME, *marks)
    said = name
    name = name.strip()
    if not mark:
        cut = stops(*marks).live(reader.text, reader.pos) if reader.ended else 0
        begun = reader.text[reader.pos : cut].strip()
        if reader.ended and not parse.inline and (tools.may_offer(begun) or "function".startswith(begun)):
            raise TruncatedError
        raise NotACallError
    if pairs.loose and mark in pairs.ends and _loose(parse, name):
        reader.pos -= len(mark)
        return ""
    if mark == "\n" and name == "function" and not (yield from reader.at("{")):
        name, mark = yield from reader.collect_within(_LONGEST_NAME, "\n", "{", *pairs.ends)
        name = name.strip()
    if mark == ">":
        yield from reader.space()
        if not (yield from reader.at("{")):
            raise NotACallError
        tail = name.rpartition("/")[2]
        name = tail if tools.known and tools.offers(tail) and not tools.offers(name) else name
    known = tools.known and tools.offers(name)
    damaged = mark in (pairs.key_end, pairs.value_end)
    if damaged and not known and (not parse.inline or tagged.plausible(name)):
        raise MalformedError(LOST)
    if not name or not (tagged.plausible(name) or known) or ((weak or parse.inline) and tools.known and not known):
        _refuse(parse, pairs, said, mark)
    if weak and (not known or mark in pairs.ends):
        raise NotACallError
    if parse.inline and mark in pairs.ends and mark not in seps and not known:
        raise NotACallError
    if mark not in seps and mark != ">":
        reader.rewind(reader.offset - len(mark))
    return name


def _refuse(parse: Parse, pairs: Pairs, said: str, mark: str) -> None:
    """What stands after the marker cannot be a name."""
    if mark == "{" and not parse.inline and said.strip():
        raise MalformedError(LOST)
    raise NotACallError


def _new_name(parse: Parse, pairs: Pairs, name: str) -> Parsing[bool]:
    """After a name the opener comes again: whether what follows it is another call."""
    if not parse.tools.known or parse.tools.takes_nothing(name):
        return True
    ahead = yield from parse.reader.ahead(_AFTER_NAME, len(pairs.again))
    return ahead[len(pairs.again) : -1].strip() != name


_AFTER_NAME = re.compile(r"(?<=\w)[\s<{>]")


def _loose(parse: Parse, text: str) -> bool:
    name, _, rest = text.partition(" ")
    found = _LOOSE.findall(rest)
    if not found or _LOOSE.sub("", rest).strip():
        return False
    call = parse.start(name)
    for key, value in found:
        call.member(key)
        call.emit(encode_typed(value.strip("\"'"), parse.tools.types(name, key)))
    call.end()
    return True


def _pair(parse: Parse, pairs: Pairs, call: Call) -> Parsing[None]:
    reader = parse.reader
    reader.pos += len(pairs.key)
    marks = _some(pairs.key_end, pairs.value, pairs.value_end, pairs.key, *pairs.ends)
    key, mark = yield from reader.collect(*marks)
    if not mark:
        raise TruncatedError
    if mark in (pairs.key, *pairs.ends):
        reader.pos -= len(mark)
        raise MalformedError(LOST)
    key = key.strip()
    if mark == pairs.value_end:
        key, equals, said = key.partition("=")
        if not equals:
            raise MalformedError(LOST)
        call.member(key.strip())
        call.emit(encode_typed(said, parse.tools.types(call.name, key.strip())))
        return
    types = parse.tools.types(call.name, key)
    if mark == pairs.key_end and pairs.value:
        yield from _layout(parse)
        if pairs.type and (yield from reader.take(pairs.type)):
            name, _ = yield from reader.collect(pairs.type_end)
            types = frozenset({name.strip()})
            yield from reader.space()
        if not (yield from reader.take(pairs.value)):
            if not (yield from reader.peek()):
                raise TruncatedError
            known = parse.tools.knows(call.name)
            if (yield from reader.at("<", pairs.key, *pairs.ends)) or (
                known and not parse.tools.declares(call.name, key)
            ):
                raise MalformedError(LOST)  # a key without a value
            said, mark = yield from reader.collect(pairs.value_end, *pairs.ends)
            if mark != pairs.value_end or any(char in said for char in "<>|"):
                raise MalformedError(LOST) if mark else TruncatedError
            call.member(key)
            call.emit(encode_typed(said, types))
            return
    if pairs.tokens and key in call.keys:
        yield from _value(parse, pairs, call, tagged.Kept(ignore))
        return
    call.member(key)
    value = parse.typed_value(call, types, trim=pairs.trim)
    yield from _value(parse, pairs, call, tagged.Kept(value.push))
    if value.lost:
        raise MalformedError(LOST)
    value.close()


def _layout(parse: Parse) -> Parsing[None]:
    """White space, and a newline that is written as a backslash and an n."""
    yield from parse.reader.space()
    while (yield from parse.reader.take("\\n")):
        yield from parse.reader.space()


def _begins(parse: Parse, pairs: Pairs, call: Call) -> Parsing[bool]:
    """Whether a whole key and the opener of its value stand here."""
    head = yield from parse.reader.ahead(re.compile(re.escape(pairs.value)))
    key, mark, between = head.removeprefix(pairs.key).partition(pairs.key_end)
    if not mark or between.strip() != pairs.value or "<" in key or "\n" in key:
        return False
    return not parse.tools.knows(call.name) or parse.tools.declares(call.name, key.strip())


def _value(parse: Parse, pairs: Pairs, call: Call, sink: tagged.Kept) -> Parsing[None]:
    """As `tagged` reads a value."""
    reader = parse.reader
    own = (pairs.key, pairs.value) if pairs.value else (pairs.key,)
    marks = stops(pairs.value_end, *own, *(pairs.ends if pairs.tokens else pairs.closers))
    while True:
        found = yield from reader.before(marks, sink)
        if not found:
            raise TruncatedError
        if pairs.tokens and found != pairs.value_end:
            sink.check(pairs.value_end)
        if pairs.tokens:
            reader.pos += len(found) if found == pairs.value_end else 0
            return
        if found in own:
            if sink.closed:
                raise MalformedError(LOST)
            if found == pairs.key and (yield from _begins(parse, pairs, call)):
                sink.check(pairs.value_end)
                return  # the value's closer was forgotten
            sink(found)
            reader.pos += len(found)
        elif found in pairs.closers:
            if (yield from _is_lost(parse, pairs, sink)):
                sink.check(pairs.value_end)
                return
        else:
            reader.pos += len(found)
            space = yield from reader.space()
            if (yield from reader.at("<", "\\n", pairs.key, *pairs.ends)) or not (yield from reader.peek()):
                return
            sink(found + space)
            sink.closed = True


def _is_lost(parse: Parse, pairs: Pairs, sink: Emit) -> Parsing[bool]:
    """A call's closer stands in a value: whether the value lost its own. If not, the closer is passed on."""
    reader = parse.reader
    at = reader.offset
    parts: list[str] = []
    again = (pairs.again,) if pairs.again else ()
    found = yield from reader.before(stops(pairs.value_end, *again), parts.append)
    if found == pairs.value_end:
        sink("".join(parts))
        return False
    if parse.reread + reader.offset - at > tagged.REREAD:
        raise MalformedError(LOST)
    parse.reread += reader.offset - at
    reader.rewind(at)
    return True
