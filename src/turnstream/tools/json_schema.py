"""JSON Schemas of other drafts as 2020-12, which is what models' vendors know, and patterns that Python knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
"""Their values map names to schemas: what looks like a keyword one level below is a name."""
DATA = ("default", "const", "enum", "required", "examples", "example", "type")
"""Their values are data."""

_DRAFT = "2020-12"


def modern(schema: Any) -> Any:
    """Tuples as ``prefixItems``, excluded bounds as numbers, references within; without patterns that Python does not
    know, and without required names that nothing describes. What is good already stays as it is."""
    own = schema.get("$id", schema.get("id")) if isinstance(schema, dict) else None
    return _modern(schema, own if isinstance(own, str) and own else None)


def _modern(schema: Any, own: str | None) -> Any:
    if isinstance(schema, list):
        return [_modern(item, own) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in MAPS:
            if isinstance(value, dict):
                made[key] = {
                    name: _modern(item, own)
                    for name, item in value.items()
                    if key != "patternProperties" or is_pattern(name)
                }
        elif _is_old(key, value, schema):
            continue
        elif key == "pattern":
            if is_pattern(value):
                made[key] = value
        elif key == "$ref" and isinstance(value, str):
            made[key] = value.removeprefix(own) if own and value.startswith(f"{own}#") else value
        else:
            made[key] = value if key in DATA else _modern(value, own)
    _tuples(schema, made, own)
    _dependencies(schema, made, own)
    _bounds(made)
    _drop_unknown_required(made)
    return made


def _is_old(key: str, value: Any, schema: Mapping[str, Any]) -> bool:
    match key:
        case "$schema":
            return not (isinstance(value, str) and _DRAFT in value)
        case "id":
            return isinstance(value, str)
        case "additionalItems":
            return isinstance(schema.get("items"), list)
        case _:
            return key == "dependencies"


def _tuples(schema: Mapping[str, Any], made: dict[str, Any], own: str | None) -> None:
    """Before 2020-12, a list of ``items`` described an array's places, and ``additionalItems`` what follows."""
    if isinstance(schema.get("items"), list):
        made["prefixItems"] = made.pop("items")
        if "additionalItems" in schema:
            made["items"] = _modern(schema["additionalItems"], own)


def _dependencies(schema: Mapping[str, Any], made: dict[str, Any], own: str | None) -> None:
    given = schema.get("dependencies")
    for name, needed in given.items() if isinstance(given, dict) else ():
        key = "dependentRequired" if isinstance(needed, list) else "dependentSchemas"
        made.setdefault(key, {})[name] = needed if isinstance(needed, list) else _modern(needed, own)


def _bounds(made: dict[str, Any]) -> None:
    """Draft-04 said of a bound that it is excluded."""
    for bound, excluded in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(made.get(excluded), bool) and made.pop(excluded) and bound in made:
            made[excluded] = made.pop(bound)


def _drop_unknown_required(made: dict[str, Any]) -> None:
    if "required" not in made:
        return
    names, described = made["required"], made.get("properties")
    if not isinstance(names, list):
        del made["required"]  # null, as some languages write an empty list; draft-03's booleans
    elif isinstance(described, dict):
        made["required"] = [name for name in dict.fromkeys(names) if name in described]


def is_pattern(value: Any) -> bool:
    """Schemas' patterns are those of JavaScript, of which Python does not understand all."""
    try:
        re.compile(value)
    except (re.error, TypeError, OverflowError, RecursionError):
        return False
    return True


def unresolved(schema: Any) -> str | None:
    """A reference to what is not in the schema; None if each leads somewhere."""
    return next(_find_unresolved(schema, schema), None)


def _find_unresolved(schema: Any, root: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str) and not _is_anchor(reference) and resolve(reference, root) is None:
            yield reference
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _find_unresolved(inner, root)


def _is_anchor(reference: str) -> bool:
    return reference.startswith("#") and not reference.startswith("#/")


def resolve(reference: str, root: Any) -> Any:
    """What a reference within ``root`` leads to (RFC 6901), None for nowhere. An anchor is not followed."""
    if reference == "#":
        return root
    if not reference.startswith("#/"):
        return None
    for part in reference[2:].split("/"):
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(root, list) and key.isdecimal() and int(key) < len(root):
            root = root[int(key)]
        elif isinstance(root, dict) and key in root:
            root = root[key]
        else:
            return None
    return root
