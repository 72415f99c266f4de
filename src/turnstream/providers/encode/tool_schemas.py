"""The schema of a tool's arguments as vendors take it: an object, described at its top.

Anthropic refuses ``anyOf``, ``oneOf`` and ``allOf`` there, OpenAI those and more, and with the one tool the whole
request; Gemini would know of no argument. So what the branches describe is put together: each property of any of
them, and what all of them require (of ``allOf``: any). What that does not say any more, the tool's own check does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_ANY, _ALL = ("anyOf", "oneOf"), "allOf"
_MERGED = (*_ANY, _ALL, "$ref")
_REFUSED = ("not", "enum", "const", "if", "then", "else")
_MOST = 100  # schemas that are looked at; nesting is no deeper
_STRICT = re.compile(r"claude|gemini|gpt-|(?:^|/)o\d")


def as_object(schema: Schema) -> Schema:
    """The same schema, where nothing is to be changed."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    plain = schema.get("type") == "object" and isinstance(properties, dict) and isinstance(required, list)
    if plain and schema.keys().isdisjoint((*_MERGED, *_REFUSED)):
        return schema
    properties, required = _Merger(schema).members(schema)
    rest = {key: value for key, value in schema.items() if key not in (*_MERGED, *_REFUSED, "properties", "required")}
    whole = {**rest, "type": "object"}
    if properties or "properties" in schema:
        whole["properties"] = properties
    return {**whole, "required": required} if required else whole


def prefers_objects(model: str) -> bool:
    """Whether the model is of a vendor that refuses anything else, wherever it is asked."""
    return _STRICT.search(model.lower()) is not None


class _Merger:
    """Looks at each schema within the whole once: branches and references may lead to each other."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._seen: set[int] = set()

    def members(self, schema: Any) -> tuple[Schema, list[str]]:
        """Its properties, and which of them are required."""
        if not isinstance(schema, dict) or id(schema) in self._seen or len(self._seen) >= _MOST:
            return {}, []
        self._seen.add(id(schema))
        listed = schema.get("properties")
        properties = dict(listed) if isinstance(listed, dict) else {}
        required = [name for name in _list(schema.get("required")) if isinstance(name, str)]
        for found, needed in self._parts(schema):
            properties = {**found, **properties}
            required += [name for name in needed if name not in required]
        return properties, [name for name in required if name in properties]

    def _parts(self, schema: Schema) -> Iterator[tuple[Schema, list[str]]]:
        yield self.members(self._resolve(schema.get("$ref")))
        for branch in _list(schema.get(_ALL)):
            yield self.members(branch)
        for keyword in _ANY:
            branches = [self.members(branch) for branch in _list(schema.get(keyword))]
            if branches:
                always = [name for name in branches[0][1] if all(name in needed for _, needed in branches)]
                yield _alternatives([found for found, _ in branches]), always

    def _resolve(self, reference: Any) -> Any:
        """What a reference within the schema leads to."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return None
        found: Any = self._root
        for step in reference.split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found


def _alternatives(branches: list[Schema]) -> Schema:
    """The properties of all of them; one that they describe differently is any of that."""
    found: dict[str, list[Any]] = {}
    for branch in branches:
        for name, described in branch.items():
            if described not in found.setdefault(name, []):
                found[name].append(described)
    return {name: listed[0] if len(listed) == 1 else {"anyOf": listed} for name, listed in found.items()}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
