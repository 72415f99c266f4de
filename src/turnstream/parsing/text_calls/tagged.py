"""Calls whose parameters are tags around raw text, typed by the tool's schema.

**State**: the call, whose name stands in its tag; whether a parameter was read; what stood between parameters.
**Held back**: of a string only what may become its closer, and one newline where the family's layout has it; a value
of another type to its end. A closer within a value is the value's own unless what may follow a parameter follows it.
**What ends it**: the call's closer, the closer of what stands around calls, or the next call. Parameters in another
family's tags, and elements named as the tool's parameters, are read; a value that stands there otherwise makes the
call malformed: it is never run without it. **Cost**: each character once, save a few behind a closer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from turnstream.parsing.text_calls import json_calls
from turnstream.parsing.text_calls.reader import Parsing, Reader, stops
from turnstream.parsing.text_calls.state import LOST, NO_NAME, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import Emit, TruncatedError
from turnstream.parsing.text_calls.typed_value import STRING, encode_typed, is_lost, json_or_string

_WHOLE = ("arguments", "parameters", "properties", "input", "args", "params")
_CONTROL = re.compile(r"<\|[^|<>]*\|>")
_NOT_SPACE = re.compile(r"\S")
_HEAD_END = re.compile(r"[>\n<]")
_ATTRIBUTE = re.compile(r"""(?<![\w:.-])([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_FOREIGN = re.compile(r"<(parameter|param|arg|argument)\b[^<\n]*>|<[A-Za-z_][\w.-]*>")
_AFTER_WORD = re.compile(r"[^\w.\-:/]")
_NOT_BLANK = re.compile(r"[^ \t]")
_DAMAGED = re.compile(r"(?:<(?:/[^<>\n]{0,60}>?|[^<>\s]{0,60})|[|｜/][^<>\s]{0,60}>)\s*\Z")
_QUOTE_OR_TAG = re.compile(r'["<\n]')
_MISSPELT = re.compile(r"</[\w:]*>?")
_LONGEST_TAIL = 80
_LONGEST_INLINE = 100
_LONGEST_HEAD = 400
_LONGEST_STRAY = 2_000
REREAD = 65_536
"""So many characters of an answer are read twice, at most."""


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
    paired: bool = False
    """A newline at a value's end is layout only if one stands at its start."""
    guess: bool = True
    """Without a schema a value that reads as JSON is JSON."""
    cdata: bool = False
    tokens: bool = False
    """The tags hold signs that no value has: a closer always ends its value."""
    text: bool = False
    """A value is a string if its tag does not say otherwise."""
    ends_with_stream: bool = False
    """The closer is a token that ends the answer, which servers cut off."""
    offered: bool = False
    """Ordinary XML looks the same: only an offered tool's name makes it a call."""
    clean: Callable[[str], str] = str
    """Makes the tool's name of the tag's."""


def attributes(head: str) -> dict[str, str]:
    return {key: double or single or bare for key, double, single, bare in _ATTRIBUTE.findall(head)}


def _parse_name(head: str) -> tuple[str, dict[str, str]]:
    """The name that a tag gives, as ``=NAME`` or as ``name="NAME"``, and its attributes."""
    head = head.strip().rstrip("/").strip()
    if "=" in head:
        found = attributes(head)
        if "name" in found or head.startswith("name="):
            return found.get("name", "").strip(), found
        if head[0] == "=":
            head = head[1:]
    return head.strip().strip("\"'").strip(), {}


def call(parse: Parse, tags: Tags) -> Parsing[None]:
    """One call; the reader stands after ``tags.call``. It ends after its closer, or before what cannot be in it."""
    parse.call = None
    head, mark = yield from _head(parse)
    name = tags.clean(_CONTROL.sub("", _parse_name(head)[0]))
    if not name:
        raise NotACallError if parse.inline else MalformedError(NO_NAME)
    if not (plausible(name) or (parse.tools.known and parse.tools.offers(name))):
        raise NotACallError
    if tags.offered and not parse.tools.offers(name):
        raise NotACallError
    if parse.inline:
        yield from _not_prose(parse, tags, mark)
    open_call = parse.start(name)
    if mark == ">" and head.rstrip().endswith("/"):
        open_call.end()
        return
    yield from members(parse, tags, open_call)


def _not_prose(parse: Parse, tags: Tags, mark: str) -> Parsing[None]:
    """Within a line of text a call's tag is one only if a parameter, an object or the closer follows it."""
    reader = parse.reader
    yield from reader.space()
    if mark == "<" or not (yield from reader.at("{", "<", *tags.param, *tags.call_end)):
        raise NotACallError
    if (yield from reader.at("<")) and not (yield from reader.at(*tags.param, *tags.call_end)):
        head = yield from reader.ahead(_HEAD_END, 1, 64)
        if not _FOREIGN.fullmatch(head):
            raise NotACallError


def _head(parse: Parse) -> Parsing[tuple[str, str]]:
    """The inside of a tag and what ended it; a newline or another tag ends it too, unless they are quoted."""
    reader = parse.reader
    head = ""
    while True:
        limit = _LONGEST_INLINE if parse.inline else _LONGEST_HEAD
        part, mark = yield from reader.collect_within(limit, ">", "\n", "<")
        head += part
        if not mark and parse.inline:
            raise NotACallError
        if not mark:
            raise TruncatedError if reader.ended else NotACallError
        if parse.inline and mark == "\n":
            raise NotACallError
        if head.count('"') % 2 == 0 or len(head) > _LONGEST_HEAD:
            break
        token = (mark == ">" and head.endswith("|")) or (mark == "<" and (yield from reader.peek()) == "|")
        if not token and not (yield from reader.ahead(_QUOTE_OR_TAG, 0, _LONGEST_INLINE)).endswith('"'):
            break  # the quote that is left open is damaged
        head += mark
    if mark == "<":
        reader.rewind(reader.offset - 1)
    return head, mark


def plausible(name: str) -> bool:
    return len(name) < 200 and not any(char in name for char in " {}()[]<>\"'`…")


def words_follow(parse: Parse) -> Parsing[bool]:
    """Whether words stand where a name is due, and no offered name with a blank: nothing of them needs to be held."""
    reader = parse.reader
    head = yield from reader.ahead(_AFTER_WORD, 0, _LONGEST_HEAD)
    if head[-1:] != " " or any(name.startswith(head) for name in parse.tools.names):
        return False
    rest = yield from reader.ahead(_NOT_BLANK, len(head))
    return rest[-1:] not in ("", "<", "{", ">", "\n", "[")


def members(parse: Parse, tags: Tags, call: Call) -> Parsing[None]:
    """The parameters of a call, and its closer."""
    reader = parse.reader
    marks = (*tags.param, *tags.param_end, *tags.call_end, *tags.call, *tags.wraps)
    search = stops(*marks, "<")
    stray = ""
    first = True
    while True:
        yield from reader.space()
        if first and (yield from reader.at("{")):
            yield from json_calls.arguments(parse, call, stops(*marks))
            yield from json_calls.closers(reader)
            first = False
            continue
        parts: list[str] = []
        found = yield from reader.until(search, parts.append)
        between = "".join(parts).strip()
        if found == "<" and (yield from _foreign(parse, tags, call)):
            first, stray = False, ""
            continue
        if found == "<":
            stray += between + "<"
            if len(stray) > _LONGEST_STRAY:
                raise MalformedError(LOST)
            continue
        if found in tags.param:
            first, stray = False, ""
            yield from _param(parse, tags, call)
            if call.closed:
                call.end()
                return
        elif found in tags.param_end:
            if between:
                raise MalformedError(LOST)
        else:
            if not found and not first and _cut(stray[-1:] + between, tags):
                stray = between = ""
            elif not found and (first or not tags.ends_with_stream):
                raise TruncatedError
            if _is_lost(stray + between, first):
                reader.pos -= len(found)
                raise MalformedError(LOST)
            if not found:
                whole_without_closer(parse, call, first)
            elif found not in tags.call_end:
                reader.pos -= len(found)
            call.end()
            return


def _cut(tail: str, tags: Tags) -> bool:
    """Whether the stream ended within the call's closer."""
    if len(tail) < 2 or any(opener.startswith(tail) for opener in tags.param):
        return False
    return any(closer.startswith(tail) for closer in (*tags.call_end, *tags.wraps))


def _is_lost(stray: str, first: bool) -> bool:
    """What stands between parameters is passed over, but not in place of them."""
    return bool((first and stray) or ("</" in stray and not _MISSPELT.fullmatch(stray)))


def whole_without_closer(parse: Parse, call: Call, first: bool) -> None:
    """The stream is over, and only closers are missing: a call, if nothing that the tool requires is missing."""
    if first or (call.keys and parse.tools.missing(call.name, call.keys)):
        raise TruncatedError


def _foreign(parse: Parse, tags: Tags, call: Call) -> Parsing[bool]:
    """A parameter in another family's tag, or an element named as a parameter; the reader stands after its "<"."""
    reader = parse.reader
    reader.pos -= 1
    head = yield from reader.ahead(_HEAD_END, 1, _LONGEST_HEAD)
    found = _FOREIGN.fullmatch(head)
    tools = parse.tools
    if found is None:
        reader.pos += 1
        return False
    if found[1]:
        key = _parse_name(head[1 + len(found[1]) : -1])[0]
        closers: tuple[str, ...] = (f"</{found[1]}>",)
    else:
        key = head[1:-1]
        closers = (f"</{key}>",)
        if not tools.declares(call.name, key):
            reader.pos += 1
            return False
    reader.pos += len(head)
    yield from _read_param(parse, _with_closers(tags, closers), call, key, {})
    return True


def _with_closers(tags: Tags, closers: tuple[str, ...]) -> Tags:
    return replace(tags, param_end=closers)


def _param(parse: Parse, tags: Tags, call: Call) -> Parsing[None]:
    head, mark = yield from _head(parse)
    if mark == "<":
        raise MalformedError(LOST)
    key, found = _parse_name(head)
    yield from _read_param(parse, tags, call, key, found)


def _read_param(parse: Parse, tags: Tags, call: Call, key: str, said: dict[str, str]) -> Parsing[None]:
    reader, tools = parse.reader, parse.tools
    if not key or (any(char in key for char in "<>=") and not tools.declares(call.name, key)):
        raise MalformedError(LOST)
    whole = key in _WHOLE and not call.given and tools.knows(call.name) and not tools.declares(call.name, key)
    if whole and (yield from _read_wrapped(parse, tags, call, key)):
        return
    call.member(key)
    types = tools.types(call.name, key)
    as_text = said.get("string")
    if as_text == "false":
        parts: list[str] = []
        yield from _value(reader, tags, Kept(parts.append), parse, call)
        text = "".join(parts)
        if is_lost(text, types):
            raise MalformedError(LOST)
        call.emit(encode_typed(text, types) if types else json_or_string(text))
        return
    if as_text == "true" or (tags.text and not said.get("string")):
        types = STRING
    value = parse.typed_value(call, types, trim=tags.trim, guess=tags.guess, paired=tags.paired)
    yield from _value(reader, tags, Kept(value.push), parse, call)
    if value.lost:
        raise MalformedError(LOST)
    value.close()


def _read_wrapped(parse: Parse, tags: Tags, call: Call, key: str) -> Parsing[bool]:
    """All arguments in one object, in a parameter that the tool does not have, if the object has the tool's own."""
    if not (yield from parse.reader.ahead(_NOT_SPACE)).endswith("{"):
        return False
    parts: list[str] = []
    yield from _value(parse.reader, tags, Kept(parts.append), parse, call)
    text = encode_typed("".join(parts), frozenset({"object"}))
    if text.startswith("{") and parse.tools.declares_all(call.name, text):
        call.emit(text)
    else:
        call.member(key)
        call.emit(text)
    return True


class Kept:
    """A value's text on its way: its end is kept, to see whether a damaged closer is in it."""

    __slots__ = ("_sink", "_tail", "closed")

    def __init__(self, sink: Emit) -> None:
        self._sink = sink
        self._tail = ""
        self.closed = False  # its own closer stands in it, as text

    def __call__(self, piece: str) -> None:
        self._sink(piece)
        self._tail = (self._tail + piece)[-_LONGEST_TAIL:]

    @property
    def ends_line(self) -> bool:
        return self._tail.endswith("\n")

    def check(self, *closers: str) -> None:
        """The value has no closer of its own: it is lost, if a damaged one stands at its end."""
        unslashed = tuple(closer.replace("/", "", 1) for closer in closers)
        if _DAMAGED.search(self._tail) or self._tail.rstrip().endswith(unslashed):
            raise MalformedError(LOST)


def _value(reader: Reader, tags: Tags, sink: Kept, parse: Parse, call: Call) -> Parsing[None]:
    """The raw text of a value, up to its closer, or before the next tag where that was forgotten.

    A closer that another tag follows ends the value. One that text follows is text, but then no tag of the family may
    come before the value's end: it may as well be the next call's.
    """
    ends = stops(*tags.param_end, *tags.param, *tags.call_end, *tags.wraps, *tags.call)
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
            if (yield from reader.at(*follow)) or not (yield from reader.peek()) or reader.cut_in(*follow):
                return
            if tags.tokens or (yield from reader.at("<")) or (tags.trim and sink.ends_line and "\n" in space):
                return
            sink(found + space)
            sink.closed = True
        elif found in tags.param or found in tags.call:
            head = yield from reader.ahead(_HEAD_END, len(found))
            key = _parse_name(head[len(found) : -1])[0]
            if found in tags.call:
                ends_it = head[-1:] == ">" and parse.tools.known and parse.tools.offers(key)
            else:
                known = bool(parse.tools.schema(call.name))
                ends_it = head[-1:] == ">" and (not known or parse.tools.declares(call.name, key))
            if sink.closed and head[-1:] == ">":
                raise MalformedError(LOST)
            if ends_it:
                sink.check(*tags.param_end)
                return
            reader.pos += len(found)
            sink(found)
        elif (yield from _ends_call(reader, tags, call, found, sink)):
            sink.check(*tags.param_end)
            return


def _ends_call(reader: Reader, tags: Tags, call: Call, found: str, sink: Kept) -> Parsing[bool]:
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


def _cdata(reader: Reader, tags: Tags, sink: Emit) -> Parsing[bool]:
    if not (yield from reader.take("<![CDATA[")):
        return False
    if not (yield from reader.until(stops("]]>"), sink)):
        raise TruncatedError
    yield from reader.space()
    yield from reader.take(*tags.param_end)
    return True
