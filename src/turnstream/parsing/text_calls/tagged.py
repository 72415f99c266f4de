"""Calls whose parameters are tags around raw text, typed by the tool's schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from turnstream.parsing.text_calls import json_calls, values
from turnstream.parsing.text_calls.reader import Parsing, Reader, stops
from turnstream.parsing.text_calls.schema import typed
from turnstream.parsing.text_calls.state import NO_NAME, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.typed_value import json_or_string
from turnstream.parsing.text_calls.values import TruncatedError

_WHOLE = ("arguments", "parameters", "properties", "input")
_LOOSE = re.compile(r"""([\w.-]+)=("[^"]*"|'[^']*'|\S+)""")
_CONTROL = re.compile(r"<\|[^|<>]*\|>")
_NOT_SPACE = re.compile(r"\S")
_HEAD_END = re.compile(r"[>\n<]")
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")


@dataclass(frozen=True, slots=True)
class Tags:
    """A family's tags. ``call`` and ``param`` are what opens the tag, up to its name or its attributes."""

    call: tuple[str, ...]
    call_end: tuple[str, ...]
    param: tuple[str, ...]
    param_end: tuple[str, ...]
    wraps: tuple[str, ...] = ()
    """Openers and closers of what stands around calls: a value that lost its closer ends there too."""
    trim: bool = True
    guess: bool = True
    """Without a schema a value that reads as JSON is JSON."""
    cdata: bool = False
    ends_with_stream: bool = False
    """The closer is a token that ends the answer, which servers cut off."""
    clean: Callable[[str], str] = str
    """Makes the tool's name of the tag's."""


def attributes(head: str) -> dict[str, str]:
    return {key: double or single or bare for key, double, single, bare in _ATTRIBUTE.findall(head)}


def _named(head: str) -> tuple[str, dict[str, str]]:
    """The name that a tag gives, as ``=NAME`` or as ``name="NAME"``, and its attributes."""
    head = head.strip().rstrip("/").strip()
    if "=" in head:
        found = attributes(head)
        if "name" in found:
            return found["name"], found
        if head[0] == "=":
            head = head[1:]
    return head.strip("\"'"), {}


def call(parse: Parse, tags: Tags) -> Parsing[None]:
    """One call; the reader stands after ``tags.call``. It ends after its closer, or before what cannot be in it."""
    reader = parse.reader
    parse.call = None
    head, mark = yield from _head(reader)
    name = tags.clean(_CONTROL.sub("", _named(head)[0]))
    if not name:
        raise MalformedError(NO_NAME)
    if not _plausible(name):
        raise NotACallError
    open_call = parse.start(name)
    if mark == ">" and head.rstrip().endswith("/"):
        open_call.end()
        return
    yield from members(parse, tags, open_call)


def _head(reader: Reader) -> Parsing[tuple[str, str]]:
    """The inside of a tag and what ended it; a newline or another tag ends it too, unless they are quoted."""
    head = ""
    while True:
        part, mark = yield from reader.collect(">", "\n", "<")
        head += part
        if not mark:
            raise TruncatedError
        if head.count('"') % 2 == 0 or len(head) > 400:
            break
        head += mark
    if mark == "<":
        reader.pos -= 1
    return head, mark


def _plausible(name: str) -> bool:
    return len(name) < 200 and not any(char in name for char in " {}()[]<>\"'")


def members(parse: Parse, tags: Tags, call: Call) -> Parsing[None]:
    """The parameters of a call, and its closer."""
    reader = parse.reader
    marks = (*tags.param, *tags.param_end, *tags.call_end, *tags.call, *tags.wraps)
    search = stops(*marks)
    first = True
    while True:
        yield from reader.space()
        if first and (yield from reader.at("{")):
            yield from json_calls.arguments(parse, call, search)
            first = False
            continue
        found = yield from reader.until(search, _ignore)
        if found in tags.param:
            first = False
            yield from _param(parse, tags, call)
            if call.closed:
                call.end()
                return
        elif found in tags.param_end:
            continue
        elif not found:
            if tags.ends_with_stream and not first:
                call.end()
                return
            raise TruncatedError
        else:
            if found not in tags.call_end:
                reader.pos -= len(found)
            call.end()
            return


def _param(parse: Parse, tags: Tags, call: Call) -> Parsing[None]:
    reader = parse.reader
    head, mark = yield from reader.collect(">", "\n")
    if not mark:
        raise TruncatedError
    key, found = _named(head)
    whole = (
        key in _WHOLE and not call.given and parse.tools.knows(call.name) and not parse.tools.declares(call.name, key)
    )
    if whole and (yield from _wrapped(parse, tags, call, key)):
        return
    call.member(key)
    types = parse.tools.types(call.name, key)
    as_text = found.get("string")
    if as_text == "false":
        parts: list[str] = []
        yield from _value(reader, tags, parts.append, parse, call)
        call.emit(typed("".join(parts), types) if types else json_or_string("".join(parts)))
        return
    if as_text == "true":
        types = frozenset({"string"})
    it_value = parse.typed_value(call, types, trim=tags.trim, guess=tags.guess)
    yield from _value(reader, tags, it_value.push, parse, call)
    it_value.close()


def _wrapped(parse: Parse, tags: Tags, call: Call, key: str) -> Parsing[bool]:
    """All arguments in one object, in a parameter that the tool does not have."""
    if not (yield from parse.reader.ahead(_NOT_SPACE)).endswith("{"):
        return False
    parts: list[str] = []
    yield from _value(parse.reader, tags, parts.append, parse, call)
    text = typed("".join(parts), frozenset({"object"}))
    if text.startswith("{"):
        call.emit(text)
    else:
        call.member(key)
        call.emit(text)
    return True


def _value(reader: Reader, tags: Tags, sink: values.Emit, parse: Parse, call: Call) -> Parsing[None]:
    """The raw text of a value, up to its closer, or before the next tag where that was forgotten."""
    ends = stops(*tags.param_end, *tags.param, *tags.call_end, *tags.wraps)
    follow = (*tags.param, *tags.param_end, *tags.call_end, *tags.wraps, *tags.call)
    if tags.cdata and (yield from _cdata(reader, tags, sink)):
        return
    while True:
        found = yield from reader.before(ends, sink)
        if not found:
            raise TruncatedError
        if found in tags.param_end:
            reader.pos += len(found)
            space = yield from reader.space()
            if (yield from reader.at(*follow)) or not (yield from reader.peek()):
                return
            sink(found + space)
        elif found in tags.param:
            head = yield from reader.ahead(_HEAD_END, len(found))
            key = _named(head[len(found) : -1])[0]
            if head[-1:] == ">" and (not parse.tools.schema(call.name) or parse.tools.declares(call.name, key)):
                return
            reader.pos += len(found)
            sink(found)
        elif (yield from _ends_call(reader, tags, call, found, sink)):
            return


def _ends_call(reader: Reader, tags: Tags, call: Call, found: str, sink: values.Emit) -> Parsing[bool]:
    """Whether a call's closer, or what stands around calls, ends a value that lost its own closer."""
    closer = found in tags.call_end
    if not tags.wraps or not (found.startswith("</") if closer else not found.startswith("</")):
        return True
    reader.pos += len(found)
    space = yield from reader.space()
    follow = (*tags.wraps, *tags.call) if closer else tags.call
    if (yield from reader.at(*follow)) or (closer and not (yield from reader.peek())):
        call.closed = closer
        return True
    sink(found + space)
    return False


def _cdata(reader: Reader, tags: Tags, sink: values.Emit) -> Parsing[bool]:
    if not (yield from reader.take("<![CDATA[")):
        return False
    if not (yield from reader.until(stops("]]>"), sink)):
        raise TruncatedError
    yield from reader.space()
    yield from reader.take(*tags.param_end)
    return True


def _ignore(piece: str) -> None:
    return None


# -------------------------------------------------------------------------------------------------- keys and values


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


def _loose(parse: Parse, text: str) -> bool:
    name, _, rest = text.partition(" ")
    found = _LOOSE.findall(rest)
    if not found or _LOOSE.sub("", rest).strip():
        return False
    call = parse.start(name)
    for key, value in found:
        call.member(key)
        call.emit(typed(value.strip("\"'"), parse.tools.types(name, key)))
    call.end()
    return True


def pair_call(parse: Parse, pairs: Pairs, *, weak: bool = False) -> Parsing[None]:
    """``NAME`` and its pairs, or ``NAME`` and a JSON object; the reader stands where the name begins."""
    reader = parse.reader
    parse.call = None
    seps = (pairs.sep,) if pairs.sep else ()
    name, mark = yield from reader.collect(pairs.key, *pairs.ends, "\n", "{", *seps)
    name = name.strip()
    if not mark:
        raise TruncatedError
    if pairs.loose and mark in pairs.ends and _loose(parse, name):
        reader.pos -= len(mark)
        return
    if mark == "\n" and not name:
        raise NotACallError
    if not name or not _plausible(name) or (weak and not (parse.tools.known and parse.tools.offers(name))):
        raise NotACallError
    if mark not in seps:
        reader.pos -= len(mark)
    call = None
    while True:
        yield from reader.space()
        found = yield from reader.at("{", pairs.key, pairs.value, *pairs.ends, *seps)
        if call is None:
            if not found and (yield from reader.peek()):
                raise TruncatedError if reader.cut_in(pairs.key, *pairs.ends, *seps) else NotACallError
            call = parse.start(name)
        if found == "{" and not call.given:
            yield from json_calls.arguments(parse, call, stops(*pairs.ends))
        elif found == pairs.key:
            yield from _pair(parse, pairs, call)
        elif found in seps and found:
            reader.pos += len(found)
        elif found in pairs.ends and found:
            call.end()
            return
        elif not (yield from reader.peek()):
            raise TruncatedError
        else:
            yield from reader.before(stops(pairs.key, *pairs.ends), _ignore)


def _pair(parse: Parse, pairs: Pairs, call: Call) -> Parsing[None]:
    reader = parse.reader
    reader.pos += len(pairs.key)
    key, mark = yield from reader.collect(pairs.key_end, pairs.value, pairs.key, *pairs.ends)
    if not mark:
        raise TruncatedError
    if mark in (pairs.key, *pairs.ends):
        reader.pos -= len(mark)
        return
    key = key.strip()
    if mark == pairs.key_end:
        yield from reader.space()
        types = parse.tools.types(call.name, key)
        if pairs.type and (yield from reader.take(pairs.type)):
            name, _ = yield from reader.collect(pairs.type_end)
            types = frozenset({name.strip()})
            yield from reader.space()
        if (yield from reader.at(pairs.key, *pairs.ends)):
            return  # a key without a value
        yield from reader.take(pairs.value)
    else:
        types = parse.tools.types(call.name, key)
    call.member(key)
    value = parse.typed_value(call, types, trim=pairs.trim)
    yield from _pair_value(parse, pairs, call, value.push)
    value.close()


def _pair_begins(parse: Parse, pairs: Pairs, call: Call) -> Parsing[bool]:
    """Whether a whole key and the opener of its value stand here."""
    head = yield from parse.reader.ahead(re.compile(re.escape(pairs.value)))
    key, mark, between = head.removeprefix(pairs.key).partition(pairs.key_end)
    if not mark or between.strip() != pairs.value or "<" in key or "\n" in key:
        return False
    return not parse.tools.knows(call.name) or parse.tools.declares(call.name, key.strip())


def _ends_all(reader: Reader, closer: str, openers: tuple[str, ...]) -> Parsing[bool]:
    """Whether after the closer at hand nothing follows, or another call."""
    rest = yield from reader.ahead(_NOT_SPACE, len(closer))
    if not rest:
        return reader.ended
    return False


def _pair_value(parse: Parse, pairs: Pairs, call: Call, sink: values.Emit) -> Parsing[None]:
    reader = parse.reader
    closes = tuple(end for end in pairs.ends if end.startswith("</"))
    marks = stops(pairs.value_end, pairs.key, *closes)
    while True:
        found = yield from reader.before(marks, sink)
        if not found:
            raise TruncatedError
        if found != pairs.value_end:
            # Its closer was forgotten, if what follows can be nothing else.
            if found == pairs.key:
                if (yield from _pair_begins(parse, pairs, call)):
                    return
            elif (yield from _ends_all(reader, found, pairs.ends)):
                return
            sink(found)
            reader.pos += len(found)
            continue
        reader.pos += len(found)
        space = yield from reader.space()
        if (yield from reader.at(pairs.key, pairs.value_end, *pairs.ends)) or not (yield from reader.peek()):
            return
        sink(found + space)
