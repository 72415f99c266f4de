"""Arguments for a tool, filled by its schema with what a sentence holds."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from turnstream.providers.demo import words

_EXPRESSIONS = ("expression", "formula", "equation", "calculation", "arithmetic")
_FREE = (
    "query",
    "question",
    "text",
    "message",
    "prompt",
    "input",
    "search",
    "topic",
    "keyword",
    "content",
    "term",
    "q",
)
_PLACES = ("city", "place", "location", "town", "country", "address", "region", "where")
_FROM = ("from", "origin", "source", "start", "departure")
_TO = ("to", "destination", "dest", "target", "end", "arrival")
_ZONE = re.compile(r"\b(?:[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?|UTC|GMT)\b")
_ZONES = {
    "berlin": "Europe/Berlin", "london": "Europe/London", "los angeles": "America/Los_Angeles",
    "madrid": "Europe/Madrid",
    "mumbai": "Asia/Kolkata", "new york": "America/New_York", "paris": "Europe/Paris", "rome": "Europe/Rome",
    "san francisco": "America/Los_Angeles", "sao paulo": "America/Sao_Paulo", "singapore": "Asia/Singapore",
    "sydney": "Australia/Sydney", "tokyo": "Asia/Tokyo", "zurich": "Europe/Zurich",
}  # fmt: skip
_SHAPES = {
    "uri": re.compile(r"https?://[^\s<>\"')]+"),
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "date": re.compile(r"\b\d{4}-\d\d-\d\d\b"),
    "date-time": re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?"),
    "uuid": re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"),
}
_SHAPE_NAMES = {
    "url": "uri",
    "uri": "uri",
    "link": "uri",
    "email": "email",
    "mail": "email",
    "date": "date",
    "day": "date",
}
_TOPIC = re.compile(r"\b(?:about|for)\s+(.+)", re.IGNORECASE | re.DOTALL)
_NOTHING = object()
_DEEPEST = 4


def fill(schema: dict[str, Any], text: str, known: Collection[str] = ()) -> tuple[dict[str, Any], list[str]]:
    """The arguments that the text gives, and the names of the required ones that it does not.

    ``known`` are the stems of words that name the tool, and so nothing else.
    """
    return _Filler(schema, text, known).object(schema, 0)


class _Filler:
    """One sentence: what was used for one argument is not used for the next."""

    def __init__(self, root: dict[str, Any], text: str, known: Collection[str]) -> None:
        self._root = root
        self._text = text
        self._quoted = words.find_quoted(text)
        self._numbers = words.numbers(text)
        self._names = words.names(text, known)

    def object(self, schema: dict[str, Any], depth: int) -> tuple[dict[str, Any], list[str]]:
        required = schema.get("required", ())
        filled: dict[str, Any] = {}
        missing: list[str] = []
        # required ones first: they have the first choice of what the sentence holds
        for name, part in sorted(_properties(schema).items(), key=lambda item: item[0] not in required):
            value = self.value(name, self._resolve(part), name in required, depth)
            if value is not _NOTHING:
                filled[name] = value
            elif name in required:
                missing.append(name)
        return {name: filled[name] for name in _properties(schema) if name in filled}, missing

    def _resolve(self, schema: Any) -> dict[str, Any]:
        """Without references; of several possible types, the first that is not null."""
        for _ in range(8):  # a schema may refer to itself
            if not isinstance(schema, dict):
                return {}
            if "$ref" in schema:
                target = self._root.get("$defs", {}).get(str(schema["$ref"]).rpartition("/")[2], {})
                schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
            elif branches := [item for key in ("anyOf", "oneOf", "allOf") for item in schema.get(key, ())]:
                schema = next((item for item in branches if item != {"type": "null"}), {})
            else:
                return schema
        return {}

    def value(self, name: str, schema: dict[str, Any], required: bool, depth: int) -> Any:
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._enum(schema["enum"], required and "default" not in schema)
        kinds = schema.get("type", "string")
        kind = next((kind for kind in kinds if kind != "null"), "string") if isinstance(kinds, list) else kinds
        match kind:
            case "integer" | "number":
                return self._number(name, kind, required)
            case "boolean":
                return self._boolean(name, required)
            case "array":
                return self._array(self._resolve(schema.get("items", {})), required, depth)
            case "object":
                if depth >= _DEEPEST or not required:
                    return _NOTHING
                filled, missing = self.object(schema, depth + 1)
                return _NOTHING if missing else filled
            case _:
                return self._string(name, schema, required)

    def _enum(self, choices: list[Any], required: bool) -> Any:
        for choice in choices:
            if re.search(rf"\b{re.escape(str(choice))}\b", self._text, re.IGNORECASE):
                return choice
        return choices[0] if required and choices else _NOTHING

    def _number(self, name: str, kind: str, required: bool) -> Any:
        if not self._numbers:
            return _NOTHING
        label = re.escape(name.replace("_", " ").removesuffix("s"))
        for found in self._numbers:
            _, start, end = found
            if re.match(rf"\s*{label}", self._text[end:], re.IGNORECASE) or re.search(
                rf"\b{label}s?\s*(?:is|=|:|of|to)?\s*$", self._text[:start], re.IGNORECASE
            ):
                break
        else:
            if not required:
                return _NOTHING
            found = self._numbers[0]
        self._numbers.remove(found)
        return round(float(found[0])) if kind == "integer" or "." not in found[0] else float(found[0])

    def _boolean(self, name: str, required: bool) -> Any:
        label = re.escape(name.replace("_", " "))
        match = re.search(rf"(\b(?:no|not|without)\s+)?\b{label}\b", self._text, re.IGNORECASE)
        if match:
            return match.group(1) is None
        return False if required else _NOTHING

    def _array(self, items: dict[str, Any], required: bool, depth: int) -> Any:
        """All that fits, for a list that is required; only choices that are named for one that is not."""
        values: list[Any] = []
        if "enum" in items:
            values = [choice for choice in items["enum"] if self._enum([choice], False) is not _NOTHING]
        elif not required or depth >= _DEEPEST:
            return _NOTHING
        elif items.get("type") in ("integer", "number"):
            values = [self._number("", items["type"], True) for _ in list(self._numbers)]
        elif items.get("type") == "object":
            values = [value for value in [self.value("", items, True, depth + 1)] if value is not _NOTHING]
        else:
            values, self._quoted, self._names = self._quoted or self._names, [], []
        return values or _NOTHING

    def _string(self, name: str, schema: dict[str, Any], required: bool) -> Any:
        labels = re.split(r"[_\W]+", name.lower())
        shape = _SHAPES.get(schema.get("format") or next((_SHAPE_NAMES[la] for la in labels if la in _SHAPE_NAMES), ""))
        if shape is not None:
            return _first(shape.findall(self._text))
        if _any(labels, ("timezone", "tz", "zone")):
            return self._zone()
        if _any(labels, _EXPRESSIONS):
            found = words.expression(self._text)
            return found if found is not None else _NOTHING
        stated = re.search(rf"\b{re.escape(name)}\s*(?:=|:|\bis\b)\s*['\"]?([\w.@/-]+)", self._text, re.IGNORECASE)
        if stated:
            return stated.group(1)
        place = _any(labels, _PLACES)
        return self._words(labels, place) if required or place else _NOTHING

    def _words(self, labels: list[str], place: bool) -> Any:
        if _any(labels, _TO) and (mail := _SHAPES["email"].search(self._text)):
            return mail.group()
        if self._quoted:
            return self._quoted.pop(0)
        if _any(labels, _FREE):
            match = _TOPIC.search(self._text)
            return (match.group(1) if match else self._text).strip(" ?!.") or _NOTHING
        for group in (_FROM, _TO):
            if _any(labels, group):
                return words.after(self._text, group[:1]) or _NOTHING
        near = words.after(self._text, ("in", "at", "near", "for", "of")) if place else None
        if near is None and self._names:
            return self._names.pop(0)
        near = near or words.after(self._text, ("named", "called", "of", "for", "in", "about"))
        if near is None:
            return _NOTHING
        if near in self._names:
            self._names.remove(near)
        return near

    def _zone(self) -> Any:
        found = _first(_ZONE.findall(self._text))
        if found is not _NOTHING:
            return found
        lower = self._text.lower()
        return _first([zone for city, zone in _ZONES.items() if re.search(rf"\b{city}\b", lower)])


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _any(labels: list[str], wanted: tuple[str, ...]) -> bool:
    return any(label in wanted or label.removesuffix("s") in wanted for label in labels)


def _first(found: list[str]) -> Any:
    return found[0] if found else _NOTHING
