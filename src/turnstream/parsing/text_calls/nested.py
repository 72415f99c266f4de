"""Calls whose parameters are nested elements, each tag announced by a sign that no value contains.

**State**: the open elements, with what they hold so far. **Held back**: everything but strings at the top, since an
element that comes again makes a list. **What ends it**: the call's closer; an element that is not closed makes the
call malformed, and the next call is read. **Cost**: each character once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from turnstream.parsing.text_calls import recovery
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.schema import items_of, properties, resolve, types_of
from turnstream.parsing.text_calls.state import LOST, NO_NAME, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import TruncatedError, escape_inside
from turnstream.parsing.text_calls.tagged import attributes
from turnstream.parsing.text_calls.typed_value import STRING, encode_typed

SIGN = "]<]minimax[>["
DEEPEST = 128
_SIGN = stops(SIGN)
_ENDS = stops(f"{SIGN}</invoke>", f"{SIGN}<invoke", f"{SIGN}</tool_call>", f"{SIGN}<tool_call>")


def region(parse: Parse, marker: str) -> Parsing[None]:
    """``<tool_call>``, its ``<invoke name="N">`` and their closers."""
    reader = parse.reader
    seen = False
    while True:
        yield from reader.space()
        if not (yield from reader.take(SIGN)):
            if seen:
                return
            raise NotACallError if (yield from reader.peek()) else TruncatedError
        head, mark = yield from reader.collect(">")
        if not mark:
            if seen:
                return
            raise TruncatedError
        if head.startswith("<invoke"):
            parse.call = None
            yield from recovery.recovering(parse, _call(parse, head), _ENDS)
            seen = True
            reader.record()
        elif head.startswith("</tool_call"):
            return


def _call(parse: Parse, head: str) -> Parsing[None]:
    name = attributes(head).get("name", "").strip()
    if not name:
        raise MalformedError(NO_NAME)
    yield from _members(parse, parse.start(name))


class _Element:
    """An open element: its schema, the text and the children that it has so far."""

    __slots__ = ("children", "name", "schema", "text")

    def __init__(self, name: str, schema: Any) -> None:
        self.name, self.schema = name, schema
        self.text: list[str] = []
        self.children: dict[str, list[Any]] = {}

    def child(self, name: str, root: Mapping[str, Any]) -> _Element:
        schema = resolve(self.schema, root)
        inner = properties(schema, root).get(name)
        if inner is None and name == "item":
            inner = items_of(schema, root)
        return _Element(name, inner)

    def value(self, root: Mapping[str, Any], guess: bool) -> Any:
        types = types_of(self.schema, root)
        types = types if types or guess else STRING
        text = "".join(self.text)
        if not self.children:
            if not text and not types & {"string"}:
                return [] if "array" in types else {} if "object" in types else ""
            return json.loads(encode_typed(text, types))
        if list(self.children) == ["item"] and (not types or "array" in types):
            return self.children["item"]
        found: dict[str, Any] = {k: v[0] if len(v) == 1 else v for k, v in self.children.items()}
        if text.strip():
            found["$$text" if "$text" in found else "$text"] = text
        return found


def _members(parse: Parse, call: Call) -> Parsing[None]:
    """The parameters. One that comes again makes a list, so only those that are strings are said before the end."""
    reader = parse.reader
    root = parse.tools.schema(call.name)
    guess = parse.guesses(True)
    top = _Element("", root)
    stack = [top]
    while True:
        here = stack[-1]
        if not (yield from reader.until(_SIGN, here.text.append)):
            raise TruncatedError
        head, mark = yield from reader.collect(">")
        if not mark:
            raise TruncatedError
        tag = head.removeprefix("<").strip()
        if not tag.startswith("/"):
            if len(stack) > DEEPEST:
                raise MalformedError("The arguments are nested too deeply.")
            inner = here.child(tag, root)
            if here is top and types_of(inner.schema, root) == STRING and tag not in top.children:
                _say(top, call)
                yield from _string(parse, call, tag)
            else:
                stack.append(inner)
        elif len(stack) == 1:
            if "".join(top.text).strip():
                raise MalformedError(LOST)
            _say(top, call)
            call.end()
            return
        elif tag[1:] != here.name:
            raise MalformedError(f"<{here.name}> is not closed.")
        else:
            stack.pop()
            stack[-1].children.setdefault(here.name, []).append(here.value(root, guess))


def _string(parse: Parse, call: Call, tag: str) -> Parsing[None]:
    """A string at the top passes as it comes."""
    reader = parse.reader
    call.member(tag)
    call.emit('"')
    if not (yield from reader.before(_SIGN, lambda piece: call.emit(escape_inside(piece)))):
        raise TruncatedError
    if not (yield from reader.take(f"{SIGN}</{tag}>")):
        raise TruncatedError if reader.cut_in(f"{SIGN}</{tag}>") else MalformedError(LOST)
    call.emit('"')


def _say(top: _Element, call: Call) -> None:
    for key, values in top.children.items():
        call.member(key)
        call.emit(json.dumps(values[0] if len(values) == 1 else values, ensure_ascii=False))
    top.children.clear()
