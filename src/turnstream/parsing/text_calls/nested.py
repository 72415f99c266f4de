"""Calls whose parameters are nested elements, each tag announced by a sign that no value contains."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from turnstream.parsing.text_calls.answer import NO_NAME, Answer, Call, Malformed, NotACall
from turnstream.parsing.text_calls.reader import Steps, stops
from turnstream.parsing.text_calls.schema import properties, resolved, typed, types_of
from turnstream.parsing.text_calls.tagged import attributes
from turnstream.parsing.text_calls.values import Truncated, escaped

SIGN = "]<]minimax[>["
DEEPEST = 128
_SIGN = stops(SIGN)


def region(a: Answer, marker: str) -> Steps[None]:
    """``<tool_call>``, its ``<invoke name="N">`` and their closers."""
    r = a.r
    seen = False
    while True:
        yield from r.space()
        if not (yield from r.take(SIGN)):
            if seen:
                return
            raise NotACall if (yield from r.peek()) else Truncated
        head, mark = yield from r.collect(">")
        if not mark:
            raise Truncated
        if head.startswith("<invoke"):
            name = attributes(head).get("name", "")
            if not name:
                raise Malformed(NO_NAME)
            yield from _members(a, a.start(name))
            seen = True
            r.record()
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


def _members(a: Answer, it: Call) -> Steps[None]:
    """The parameters. One that comes again makes a list, so only those that are strings are said before the end."""
    r = a.r
    root = a.tools.schema(it.name)
    top = _Element("", root)
    stack = [top]
    while True:
        here = stack[-1]
        if not (yield from r.until(_SIGN, here.text.append)):
            raise Truncated
        head, mark = yield from r.collect(">")
        if not mark:
            raise Truncated
        tag = head.removeprefix("<").strip()
        if not tag.startswith("/"):
            if len(stack) > DEEPEST:
                raise Malformed("The arguments are nested too deeply.")
            inner = here.child(tag, root)
            if here is top and types_of(inner.schema, root) == {"string"} and tag not in top.children:
                _say(top, it)
                yield from _string(a, it, tag)
            else:
                stack.append(inner)
        elif len(stack) == 1:
            _say(top, it)
            it.end()
            return
        elif tag[1:] != here.name:
            raise Malformed(f"<{here.name}> is not closed.")
        else:
            stack.pop()
            stack[-1].children.setdefault(here.name, []).append(here.value(root))


def _string(a: Answer, it: Call, tag: str) -> Steps[None]:
    """A string at the top passes as it comes."""
    it.member(tag)
    it.emit('"')
    if not (yield from a.r.until(stops(f"{SIGN}</{tag}>"), lambda piece: it.emit(escaped(piece)))):
        raise Truncated
    it.emit('"')


def _say(top: _Element, it: Call) -> None:
    for key, values in top.children.items():
        it.member(key)
        it.emit(json.dumps(values[0] if len(values) == 1 else values, ensure_ascii=False))
    top.children.clear()
