"""What models often write otherwise than they should, mended by the schema of a tool's arguments: JSON within a string,
and null for what may be left out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from turnstream.tools import json_schema

_MOST_REFERENCES = 20
_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (dict, "object"), (list, "array"),
    (type(None), "null"),
)  # fmt: skip
_MOST_STEPS = 100_000
"""A tenth of a second."""


class _TooManyStepsError(Exception):
    pass


class _Root:
    """The schema that references lead into. It counts them: a short schema can have any number of ways through it."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._steps = 0

    def follow(self, schema: Any) -> Mapping[str, Any]:
        """What the schema refers to, with what it says beside that."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _TooManyStepsError
        for _ in range(_MOST_REFERENCES):
            if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
                break
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            found = json_schema.resolve(schema["$ref"], self._schema)
            schema = {**found, **beside} if isinstance(found, dict) else beside
        return schema if isinstance(schema, Mapping) else {}


def coerce(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Texts that are JSON of what the schema wants, where it wants no text, become that; null for an optional argument
    that cannot be null counts as left out. A text for a text stays a text.
    """
    try:
        made = _coerce(dict(arguments), schema, _Root(schema))
    except (_TooManyStepsError, RecursionError):
        return dict(arguments)
    return made if isinstance(made, dict) else dict(arguments)


def allows_null(schema: Any) -> bool:
    try:
        wanted = _wanted_types(schema, _Root({}))
    except (_TooManyStepsError, RecursionError):
        return True
    return not wanted or "null" in wanted


def _coerce(value: Any, schema: Any, root: _Root, depth: int = 0) -> Any:
    if not isinstance(schema, dict | Mapping) or depth > 100:
        return value
    wanted = _wanted_types(schema, root)
    if isinstance(value, str) and wanted and "string" not in wanted:
        value = _parse(value, wanted)
    if not isinstance(value, dict | list):
        return value
    for part in _branches(schema, root, value):
        value = _inside(value, part, root, depth)
    return value


def _parse(written: str, wanted: frozenset[str]) -> Any:
    """``written`` itself, unless it is JSON of a wanted type."""
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        return written
    if isinstance(value, float) and value.is_integer() and "integer" in wanted and "number" not in wanted:
        return int(value)
    return value if _types_of(value) & wanted else written


def _inside(value: Any, schema: Mapping[str, Any], root: _Root, depth: int) -> Any:
    if isinstance(value, list):
        places, rest = schema.get("prefixItems") or [], schema.get("items")
        return [
            _coerce(item, places[at] if at < len(places) else rest, root, depth + 1) for at, item in enumerate(value)
        ]
    described = schema.get("properties")
    if not isinstance(described, dict):
        described = {}
    rest, required = schema.get("additionalProperties"), schema.get("required") or ()
    made = {}
    for name, item in value.items():
        inner = described.get(name, rest)
        wanted = _wanted_types(inner, root)
        if item is None and name in described and name not in required and wanted and "null" not in wanted:
            continue
        made[name] = _coerce(item, inner, root, depth + 1)
    return made


def _branches(schema: Mapping[str, Any], root: _Root, value: Any) -> Iterator[Mapping[str, Any]]:
    """The schema and those in it that describe such a value: all of ``allOf``, the first that fits of the others."""
    schema = root.follow(schema)
    yield schema
    for inner in schema.get("allOf") or ():
        yield from _branches(inner, root, value)
    for key in ("anyOf", "oneOf"):
        for inner in schema.get(key) or ():
            wanted = _wanted_types(inner, root)
            if (not wanted or _types_of(value) & wanted) and _fits(inner, root, value):
                yield from _branches(inner, root, value)
                break


def _fits(schema: Mapping[str, Any], root: _Root, value: Any) -> bool:
    """The names are those that the branch describes; a constant of it is the same."""
    schema = root.follow(schema)
    described = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(described, dict):
        return True
    same = all(
        value.get(name) == one["const"]
        for name, one in described.items()
        if isinstance(one, dict) and "const" in one and name in value
    )
    return same and all(name in value for name in schema.get("required") or ())


def _wanted_types(schema: Any, root: _Root, depth: int = 0) -> frozenset[str]:
    """The types of values that the schema takes; none if it does not say."""
    schema = root.follow(schema)
    types = schema.get("type")
    if types is None and "const" in schema:
        found = _types_of(schema["const"])
    elif types is None and isinstance(schema.get("enum"), list):
        found = frozenset().union(*(_types_of(one) for one in schema["enum"]))
    else:
        found = frozenset([types] if isinstance(types, str) else types if isinstance(types, list) else ())
    if depth > 10:
        return found
    for key in ("anyOf", "oneOf"):
        branches = [_wanted_types(inner, root, depth + 1) for inner in schema.get(key) or ()]
        if branches and not all(branches):
            return frozenset()
        found = found or frozenset().union(*branches)
    for inner in schema.get("allOf") or ():
        found = found or _wanted_types(inner, root, depth + 1)
    if "number" in found:
        found |= {"integer"}
    return found


def _types_of(value: Any) -> frozenset[str]:
    name = next((name for kind, name in _TYPES if isinstance(value, kind)), "")
    if name == "integer" or (isinstance(value, float) and value.is_integer()):
        return frozenset(("integer", "number"))
    return frozenset((name,))
