"""What a model wrote, held against the schema of a tool's arguments.

The check is a help for the model: the server is the judge. So it lets pass whatever a server may take, and mends what
models often write otherwise than they should: JSON within a string, and null for what may be left out.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from turnstream import errors, text as texts
from turnstream.tools import json_schema

_MOST_PROBLEMS = 3
_MOST_EXCERPT = 200
_MOST_REFERENCES = 20
_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (dict, "object"), (list, "array"),
    (type(None), "null"),
)  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- check


def validator(schema: Mapping[str, Any]) -> Any:
    """A validator of jsonschema that never fetches what a schema refers to."""
    from referencing import Registry

    return _validator_class()(dict(schema), registry=Registry())


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises jsonschema's ``SchemaError``."""
    _validator_class().check_schema(schema)


@functools.cache
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator, validators

    extend: Any = validators.extend  # it has no types
    return extend(Draft202012Validator, {"multipleOf": _multiple_of, "oneOf": _one_of})


def _multiple_of(validator: Any, step: Any, value: Any, schema: Any) -> Iterator[Any]:
    """In decimals, as people count: 19.99 is a multiple of 0.01."""
    from jsonschema import ValidationError

    if isinstance(value, bool) or not isinstance(value, int | float) or not step:
        return
    try:
        rest = Decimal(repr(value)) % Decimal(repr(step))
    except (InvalidOperation, OverflowError):
        return  # so large or so fine that nobody can say
    if rest:
        yield ValidationError(f"{value!r} is not a multiple of {step}")


def _one_of(validator: Any, branches: Any, value: Any, schema: Any) -> Iterator[Any]:
    """One that fits is enough: branches overlap where a discriminator tells them apart, or integers are numbers."""
    from jsonschema import ValidationError

    context = []
    for index, branch in enumerate(branches):
        errors = list(validator.descend(value, branch, schema_path=index))
        if not errors:
            return
        context += errors
    yield ValidationError(f"{value!r} is not valid under any of the given schemas", context=context)


def check(validator: Any, arguments: Mapping[str, Any], name: str) -> None:
    """Raises `ToolError`, which tells the model what is wrong and where."""
    try:
        found = list(validator.iter_errors(dict(arguments)))
    except RecursionError:
        raise errors.ToolError(f"The arguments of {name} cannot be checked: its schema never ends.") from None
    if found:
        outermost = sorted(found, key=lambda one: len(one.path))[:_MOST_PROBLEMS]
        problems = "; ".join(_problem(error) for error in outermost)
        raise errors.ToolError(f"The arguments of {name} are wrong: {problems}.", code="invalid_arguments")


def _problem(error: Any) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    message = texts.excerpt(error.message, _MOST_EXCERPT)
    return f"{path.removeprefix('.')}: {message}" if path else message


# --------------------------------------------------------------------------------------------------------- coercion


def coerce(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Texts that are JSON of what the schema wants, where it wants no text, become that; null for an optional argument
    that cannot be null counts as left out. A text for a text stays a text.
    """
    made = _coerce(dict(arguments), schema, schema)
    return made if isinstance(made, dict) else dict(arguments)


def allows_null(schema: Any, root: Mapping[str, Any] | None = None) -> bool:
    wanted = _wanted_types(schema, root or {})
    return not wanted or "null" in wanted


def _coerce(value: Any, schema: Any, root: Mapping[str, Any], depth: int = 0) -> Any:
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


def _inside(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
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


def _branches(schema: Mapping[str, Any], root: Mapping[str, Any], value: Any) -> Iterator[Mapping[str, Any]]:
    """The schema and those in it that describe such a value: all of ``allOf``, the first that fits of the others."""
    schema = _follow(schema, root)
    yield schema
    for inner in schema.get("allOf") or ():
        yield from _branches(inner, root, value)
    for key in ("anyOf", "oneOf"):
        for inner in schema.get(key) or ():
            wanted = _wanted_types(inner, root)
            if (not wanted or _types_of(value) & wanted) and _fits(inner, root, value):
                yield from _branches(inner, root, value)
                break


def _fits(schema: Mapping[str, Any], root: Mapping[str, Any], value: Any) -> bool:
    """The names are those that the branch describes; a constant of it is the same."""
    schema = _follow(schema, root)
    described = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(described, dict):
        return True
    same = all(
        value.get(name) == one["const"]
        for name, one in described.items()
        if isinstance(one, dict) and "const" in one and name in value
    )
    return same and all(name in value for name in schema.get("required") or ())


def _follow(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(_MOST_REFERENCES):
        if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
            break
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        found = json_schema.resolve(schema["$ref"], root)
        schema = {**found, **beside} if isinstance(found, dict) else beside
    return schema if isinstance(schema, Mapping) else {}


def _wanted_types(schema: Any, root: Mapping[str, Any], depth: int = 0) -> frozenset[str]:
    """The types of values that the schema takes; none if it does not say."""
    schema = _follow(schema, root)
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
