"""Calls whose parameters are tags around raw text, typed by the tool's schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from turnstream.parsing.text_calls import json_calls, values
from turnstream.parsing.text_calls.answer import NO_NAME, Answer, Call, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Reader, Steps, stops
from turnstream.parsing.text_calls.schema import typed
from turnstream.parsing.text_calls.typed_value import json_or_string
from turnstream.parsing.text_calls.values import Truncated

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
    return {key: a or b or c for key, a, b, c in _ATTRIBUTE.findall(head)}


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


def call(a: Answer, tags: Tags) -> Steps[None]:
    """One call; the reader stands after ``tags.call``. It ends after its closer, or before what cannot be in it."""
    r = a.r
    a.call = None
    head, mark = yield from _head(r)
    name = tags.clean(_CONTROL.sub("", _named(head)[0]))
    if not name:
        raise Malformed(NO_NAME)
    if not _plausible(name):
        raise NotACall
    open_call = a.start(name)
    if mark == ">" and head.rstrip().endswith("/"):
        open_call.end()
        return
    yield from members(a, tags, open_call)


def _head(r: Reader) -> Steps[tuple[str, str]]:
    """The inside of a tag and what ended it; a newline or another tag ends it too, unless they are quoted."""
    head = ""
    while True:
        part, mark = yield from r.collect(">", "\n", "<")
        head += part
        if not mark:
            raise Truncated
        if head.count('"') % 2 == 0 or len(head) > 400:
            break
        head += mark
    if mark == "<":
        r.pos -= 1
    return head, mark


def _plausible(name: str) -> bool:
    return len(name) < 200 and not any(char in name for char in " {}()[]<>\"'")


def members(a: Answer, tags: Tags, it: Call) -> Steps[None]:
    """The parameters of a call, and its closer."""
    r = a.r
    marks = (*tags.param, *tags.param_end, *tags.call_end, *tags.call, *tags.wraps)
    search = stops(*marks)
    first = True
    while True:
        yield from r.space()
        if first and (yield from r.at("{")):
            yield from json_calls.arguments(a, it, search)
            first = False
            continue
        found = yield from r.until(search, _ignore)
        if found in tags.param:
            first = False
            yield from _param(a, tags, it)
            if it.closed:
                it.end()
                return
        elif found in tags.param_end:
            continue
        elif not found:
            if tags.ends_with_stream and not first:
                it.end()
                return
            raise Truncated
        else:
            if found not in tags.call_end:
                r.pos -= len(found)
            it.end()
            return


def _param(a: Answer, tags: Tags, it: Call) -> Steps[None]:
    r = a.r
    head, mark = yield from r.collect(">", "\n")
    if not mark:
        raise Truncated
    key, found = _named(head)
    whole = key in _WHOLE and not it.given and a.tools.knows(it.name) and not a.tools.declares(it.name, key)
    if whole and (yield from _wrapped(a, tags, it, key)):
        return
    it.member(key)
    types = a.tools.types(it.name, key)
    as_text = found.get("string")
    if as_text == "false":
        parts: list[str] = []
        yield from _value(r, tags, parts.append, a, it)
        it.emit(typed("".join(parts), types) if types else json_or_string("".join(parts)))
        return
    if as_text == "true":
        types = frozenset({"string"})
    it_value = a.typed_value(it, types, trim=tags.trim, guess=tags.guess)
    yield from _value(r, tags, it_value.push, a, it)
    it_value.close()


def _wrapped(a: Answer, tags: Tags, it: Call, key: str) -> Steps[bool]:
    """All arguments in one object, in a parameter that the tool does not have."""
    if not (yield from a.r.ahead(_NOT_SPACE)).endswith("{"):
        return False
    parts: list[str] = []
    yield from _value(a.r, tags, parts.append, a, it)
    text = typed("".join(parts), frozenset({"object"}))
    if text.startswith("{"):
        it.emit(text)
    else:
        it.member(key)
        it.emit(text)
    return True


def _value(r: Reader, tags: Tags, sink: values.Emit, a: Answer, it: Call) -> Steps[None]:
    """The raw text of a value, up to its closer, or before the next tag where that was forgotten."""
    ends = stops(*tags.param_end, *tags.param, *tags.call_end, *tags.wraps)
    follow = (*tags.param, *tags.param_end, *tags.call_end, *tags.wraps, *tags.call)
    if tags.cdata and (yield from _cdata(r, tags, sink)):
        return
    while True:
        found = yield from r.before(ends, sink)
        if not found:
            raise Truncated
        if found in tags.param_end:
            r.pos += len(found)
            space = yield from r.space()
            if (yield from r.at(*follow)) or not (yield from r.peek()):
                return
            sink(found + space)
        elif found in tags.param:
            head = yield from r.ahead(_HEAD_END, len(found))
            key = _named(head[len(found) : -1])[0]
            if head[-1:] == ">" and (not a.tools.schema(it.name) or a.tools.declares(it.name, key)):
                return
            r.pos += len(found)
            sink(found)
        elif (yield from _ends_call(r, tags, it, found, sink)):
            return


def _ends_call(r: Reader, tags: Tags, it: Call, found: str, sink: values.Emit) -> Steps[bool]:
    """Whether a call's closer, or what stands around calls, ends a value that lost its own closer."""
    closer = found in tags.call_end
    if not tags.wraps or not (found.startswith("</") if closer else not found.startswith("</")):
        return True
    r.pos += len(found)
    space = yield from r.space()
    follow = (*tags.wraps, *tags.call) if closer else tags.call
    if (yield from r.at(*follow)) or (closer and not (yield from r.peek())):
        it.closed = closer
        return True
    sink(found + space)
    return False


def _cdata(r: Reader, tags: Tags, sink: values.Emit) -> Steps[bool]:
    if not (yield from r.take("<![CDATA[")):
        return False
    if not (yield from r.until(stops("]]>"), sink)):
        raise Truncated
    yield from r.space()
    yield from r.take(*tags.param_end)
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


def _loose(a: Answer, text: str) -> bool:
    name, _, rest = text.partition(" ")
    found = _LOOSE.findall(rest)
    if not found or _LOOSE.sub("", rest).strip():
        return False
    it = a.start(name)
    for key, value in found:
        it.member(key)
        it.emit(typed(value.strip("\"'"), a.tools.types(name, key)))
    it.end()
    return True


def pair_call(a: Answer, p: Pairs, *, weak: bool = False) -> Steps[None]:
    """``NAME`` and its pairs, or ``NAME`` and a JSON object; the reader stands where the name begins."""
    r = a.r
    a.call = None
    seps = (p.sep,) if p.sep else ()
    name, mark = yield from r.collect(p.key, *p.ends, "\n", "{", *seps)
    name = name.strip()
    if not mark:
        raise Truncated
    if p.loose and mark in p.ends and _loose(a, name):
        r.pos -= len(mark)
        return
    if mark == "\n" and not name:
        raise NotACall
    if not name or not _plausible(name) or (weak and not (a.tools.known and a.tools.offers(name))):
        raise NotACall
    if mark not in seps:
        r.pos -= len(mark)
    it = None
    while True:
        yield from r.space()
        found = yield from r.at("{", p.key, p.value, *p.ends, *seps)
        if it is None:
            if not found and (yield from r.peek()):
                raise Truncated if r.cut_in(p.key, *p.ends, *seps) else NotACall
            it = a.start(name)
        if found == "{" and not it.given:
            yield from json_calls.arguments(a, it, stops(*p.ends))
        elif found == p.key:
            yield from _pair(a, p, it)
        elif found in seps and found:
            r.pos += len(found)
        elif found in p.ends and found:
            it.end()
            return
        elif not (yield from r.peek()):
            raise Truncated
        else:
            yield from r.before(stops(p.key, *p.ends), _ignore)


def _pair(a: Answer, p: Pairs, it: Call) -> Steps[None]:
    r = a.r
    r.pos += len(p.key)
    key, mark = yield from r.collect(p.key_end, p.value, p.key, *p.ends)
    if not mark:
        raise Truncated
    if mark in (p.key, *p.ends):
        r.pos -= len(mark)
        return
    key = key.strip()
    if mark == p.key_end:
        yield from r.space()
        types = a.tools.types(it.name, key)
        if p.type and (yield from r.take(p.type)):
            name, _ = yield from r.collect(p.type_end)
            types = frozenset({name.strip()})
            yield from r.space()
        if (yield from r.at(p.key, *p.ends)):
            return  # a key without a value
        yield from r.take(p.value)
    else:
        types = a.tools.types(it.name, key)
    it.member(key)
    value = a.typed_value(it, types, trim=p.trim)
    yield from _pair_value(a, p, it, value.push)
    value.close()


def _pair_begins(a: Answer, p: Pairs, it: Call) -> Steps[bool]:
    """Whether a whole key and the opener of its value stand here."""
    head = yield from a.r.ahead(re.compile(re.escape(p.value)))
    key, mark, between = head.removeprefix(p.key).partition(p.key_end)
    if not mark or between.strip() != p.value or "<" in key or "\n" in key:
        return False
    return not a.tools.knows(it.name) or a.tools.declares(it.name, key.strip())


def _ends_all(r: Reader, closer: str, openers: tuple[str, ...]) -> Steps[bool]:
    """Whether after the closer at hand nothing follows, or another call."""
    rest = yield from r.ahead(_NOT_SPACE, len(closer))
    if not rest:
        return r.ended
    return False


def _pair_value(a: Answer, p: Pairs, it: Call, sink: values.Emit) -> Steps[None]:
    r = a.r
    closes = tuple(end for end in p.ends if end.startswith("</"))
    marks = stops(p.value_end, p.key, *closes)
    while True:
        found = yield from r.before(marks, sink)
        if not found:
            raise Truncated
        if found != p.value_end:
            # Its closer was forgotten, if what follows can be nothing else.
            if found == p.key:
                if (yield from _pair_begins(a, p, it)):
                    return
            elif (yield from _ends_all(r, found, p.ends)):
                return
            sink(found)
            r.pos += len(found)
            continue
        r.pos += len(found)
        space = yield from r.space()
        if (yield from r.at(p.key, p.value_end, *p.ends)) or not (yield from r.peek()):
            return
        sink(found + space)
