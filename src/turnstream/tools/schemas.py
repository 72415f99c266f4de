"""JSON Schemas as models should see them: no titles, no definition that a reader does not need."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

# Their values map names to schemas: what looks like a keyword one level below is a name.
_MAPS = ("properties", "patternProperties", "$defs", "dependentSchemas")
# Their values are data.
_DATA = ("default", "const", "enum", "examples", "example")

_REF = "#/$defs/"


def tidy(schema: dict[str, Any], *, close: bool = True) -> dict[str, Any]:
    """The same schema without noise, with keys that are texts.

    Titles, null defaults and discriminators (constants say the same) go, a definition that is used once is put where it
    is used, and with ``close`` objects with listed properties are closed (``additionalProperties: false``) unless they
    say otherwise.
    """
    definitions = schema.get("$defs", {})
    uses = Counter(_references(schema))
    inline = {name for name in definitions if uses[name] == 1 and not _is_recursive(name, definitions)}
    tidied: dict[str, Any] = _tidy(schema, {name: definitions[name] for name in inline}, close)
    kept = {name: body for name, body in tidied.pop("$defs", {}).items() if name not in inline and uses[name]}
    return {**tidied, "$defs": kept} if kept else tidied


def _tidy(schema: Any, inline: dict[str, Any], close: bool) -> Any:
    if isinstance(schema, list):
        return [_tidy(item, inline, close) for item in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).removeprefix(_REF)
    if name in inline:
        # what stands beside a reference (a description, a default) is about this use, and says more
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _tidy({**inline[name], **beside}, inline, close)
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("title", "discriminator") or (key == "default" and not _is_default(value)):
            continue
        if key == "prefixItems" and isinstance(value, list):
            value = [_with_title(item) for item in value]
        if key in _MAPS and isinstance(value, dict):
            result[key] = {str(name): _tidy(item, inline, close) for name, item in value.items()}
        else:
            result[key] = value if key in _DATA else _tidy(value, inline, close)
    if close and "properties" in result:
        result.setdefault("additionalProperties", False)
    return result


def _is_default(value: Any) -> bool:
    """JSON has a word for it: none for infinity, which then would stand there as null."""
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _with_title(item: Any) -> Any:
    """The places of a named tuple are known by their titles alone."""
    if isinstance(item, dict) and item.get("title") and "description" not in item:
        return {**item, "description": item["title"]}
    return item


def _references(schema: Any) -> Iterator[str]:
    """The name of every definition that is referred to, as often as it is."""
    if isinstance(schema, list):
        for item in schema:
            yield from _references(item)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.removeprefix(_REF)
            elif key in _MAPS and isinstance(value, dict):
                yield from _references(list(value.values()))
            elif key not in _DATA:
                yield from _references(value)


def _is_recursive(name: str, definitions: dict[str, Any]) -> bool:
    seen: set[str] = set()
    ahead = list(_references(definitions[name]))
    while ahead:
        other = ahead.pop()
        if other == name:
            return True
        if other not in seen:
            seen.add(other)
            ahead += _references(definitions.get(other, {}))
    return False
