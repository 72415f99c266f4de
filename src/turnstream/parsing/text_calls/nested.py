"""Calls whose parameters are nested elements, each tag announced by a sign that no value contains."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.schema import properties, resolved, typed, types_of
from turnstream.parsing.text_calls.state import NO_NAME, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.tagged import attributes
from turnstream.parsing.text_calls.values import TruncatedError, escaped

SIGN = "]<]minimax[>["
DEEPEST = 128
_SIGN = stops(SIGN)


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
            raise TruncatedError
        if head.startswith("<invoke"):
            name = attributes(head).get("name", "")
            if not name:
                raise MalformedError(NO_NAME)
            yield from _members(parse, parse.start(name))
            seen = True
            reader.record()
        elif head.startswith("</tool_call"):
            return


class _Element:
    """An open element: its schema, the text and the children that it has so far."""

    __slots__ = ("children", "name", "schema", "text")

    def __init__(self, name: str, schema: Any) -> None:
        self.name, self.schema = name, schema
        self.text: list[str] = []
        self.children: dict[str, list[Any]] = {}

    def child(self, name: str, root: Mapping[str, Any]) -> _Element:
        schema = resolved(self.schema, root)
        inner = properties(schema, root).get(name)
        if inner is None and name == "item":
            inner = _items(schema, root)
        return _Element(name, inner)

    def value(self, root: Mapping[str, Any]) -> Any:
        types = types_of(self.schema, root)
        text = "".join(self.text)
        if not self.children:
            if not text and not types & {"string"}:
                return [] if "array" in types else {} if "object" in types else ""
            return json.loads(typed(text, types))
        if list(self.children) == ["item"] and (not types or "array" in types):
            return self.children["item"]
        found: dict[str, Any] = {k: v[0] if len(v) == 1 else v for k, v in self.children.items()}
        if text.strip():
            found["$$text" if "$text" in found else "$text"] = text
        return found


def _items(schema: Any, root: Mapping[str, Any]) -> Any:
    """The schema of an array's items, also where the array is one of several types."""
    if not isinstance(schema, Mapping):
        return None
    if "items" in schema:
        return schema["items"]
    parts = [part for word in ("anyOf", "oneOf") for part in schema.get(word) or ()]
    return next((part["items"] for p in parts if "items" in (part := resolved(p, root) or {})), None)


def _members(parse: Parse, call: Call) -> Parsing[None]:
    """The parameters. One that comes again makes a list, so only those that are strings are said before the end."""
    reader = parse.reader
    root = parse.tools.schema(call.name)
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
            if here is top and types_of(inner.schema, root) == {"string"} and tag not in top.children:
                _say(top, call)
                yield from _string(parse, call, tag)
            else:
                stack.append(inner)
        elif len(stack) == 1:
            _say(top, call)
            call.end()
            return
        elif tag[1:] != here.name:
            raise MalformedError(f"<{here.name}> is not closed.")
        else:
            stack.pop()
            stack[-1].children.setdefault(here.name, []).append(here.value(root))


def _string(parse: Parse, call: Call, tag: str) -> Parsing[None]:
    """A string at the top passes as it comes."""
    call.member(tag)
    call.emit('"')
    if not (yield from parse.reader.until(stops(f"{SIGN}</{tag}>"), lambda piece: call.emit(escaped(piece)))):
        raise TruncatedError
    call.emit('"')


def _say(top: _Element, call: Call) -> None:
    for key, values in top.children.items():
        call.member(key)
        call.emit(json.dumps(values[0] if len(values) == 1 else values, ensure_ascii=False))
    top.children.clear()
