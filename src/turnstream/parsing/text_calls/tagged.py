"""Calls whose parameters are tags around raw text, typed by the tool's schema."""

from __future__ import annotations

import re
from dataclasses import dataclass

from turnstream.parsing.text_calls import json_calls, values
from turnstream.parsing.text_calls.answer import NO_NAME, Answer, Call, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Reader, Steps, stops
from turnstream.parsing.text_calls.typed_value import TypedValue, json_or_string
from turnstream.parsing.text_calls.values import Truncated

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
    head, mark = yield from r.collect(">", "\n", "<")
    if not mark:
        raise Truncated
    if mark == "<":
        r.pos -= 1
    name, _ = _named(head)
    if not name:
        raise Malformed(NO_NAME)
    if not _plausible(name):
        raise NotACall
    open_call = a.start(name)
    if mark == ">" and head.rstrip().endswith("/"):
        open_call.end()
        return
    yield from _body(a, tags, open_call)


def _plausible(name: str) -> bool:
    return len(name) < 200 and not any(char in name for char in " {}()[]<>\"'")


def _body(a: Answer, tags: Tags, it: Call) -> Steps[None]:
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
        elif found in tags.param_end:
            continue
        elif not found:
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
    it.member(key)
    types = a.tools.types(it.name, key)
    as_text = found.get("string")
    if as_text == "false":
        parts: list[str] = []
        yield from _value(r, tags, parts.append, a, it)
        it.emit(json_or_string("".join(parts), types))
        return
    if as_text == "true":
        types = frozenset({"string"})
    it_value = TypedValue(it.emit, types, trim=tags.trim, guess=tags.guess)
    yield from _value(r, tags, it_value.push, a, it)
    it_value.close()


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
        else:
            return


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


def pair_call(a: Answer, p: Pairs) -> Steps[None]:
    """``NAME`` and its pairs, or ``NAME`` and a JSON object; the reader stands where the name begins."""
    r = a.r
    a.call = None
    seps = (p.sep,) if p.sep else ()
    name, mark = yield from r.collect(p.key, *p.ends, "\n", "{", *seps)
    name = name.strip()
    if not mark:
        raise Truncated
    if mark == "\n" and not name:
        raise NotACall
    if not name or not _plausible(name):
        raise NotACall
    if mark not in seps:
        r.pos -= len(mark)
    it = None
    while True:
        yield from r.space()
        found = yield from r.at("{", p.key, p.value, *p.ends, *seps)
        if it is None:
            if not found and (yield from r.peek()):
                raise NotACall
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
        if not (yield from r.take(p.value)):
            return
    else:
        types = a.tools.types(it.name, key)
    it.member(key)
    value = TypedValue(it.emit, types, trim=p.trim)
    yield from _pair_value(r, p, value.push)
    value.close()


def _pair_value(r: Reader, p: Pairs, sink: values.Emit) -> Steps[None]:
    marks = stops(p.value_end, p.key, *p.ends)
    while True:
        found = yield from r.until(marks, sink)
        if not found:
            raise Truncated
        if found != p.value_end:
            r.pos -= len(found)
            return
        space = yield from r.space()
        if (yield from r.at(p.key, p.value_end, *p.ends)) or not (yield from r.peek()):
            return
        sink(found + space)
