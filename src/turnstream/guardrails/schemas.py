"""JSON schemas that the texts of strangers are held against: in linear time, and without asking anybody.

The schema is the operator's, the text is not. So what jsonschema leaves to Python's `re`, which some texts keep busy
for ever while it holds the whole process, RE2 does; a list is told to be of different items by a set, and a reference
to another document is fetched from nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from turnstream import errors, schema_patterns


def validator(schema: Mapping[str, Any]) -> Any:
    """Of jsonschema's, with ``is_valid``. Raises `ConfigurationError` for a schema that is not valid."""
    import jsonschema  # only those who have a schema pay for it
    from referencing import Registry

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(dict(schema))
    except jsonschema.SchemaError as error:
        raise errors.ConfigurationError(f"not a valid JSON schema: {error.message}") from None
    for pattern in _patterns(schema):
        _check(pattern)
    keywords = {"pattern": schema_patterns.match, "uniqueItems": _differ}
    if schema_patterns.has_names(schema):
        if '"unevaluatedProperties"' in json.dumps(schema):
            raise errors.ConfigurationError(
                "a schema with `patternProperties` cannot have `unevaluatedProperties` here; use `additionalProperties`"
            )
        keywords |= schema_patterns.OF_NAMES
    bounded = jsonschema.validators.extend(kind, keywords)  # type: ignore[no-untyped-call]
    return bounded(schema, registry=Registry())


def _patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, list | tuple):
        for item in schema:
            yield from _patterns(item)
    elif isinstance(schema, Mapping):
        for name, item in schema.items():
            if name == "pattern" and isinstance(item, str):
                yield item
            elif name == "patternProperties" and isinstance(item, Mapping):
                yield from item
            yield from _patterns(item)


def _check(pattern: str) -> None:
    try:
        import re2  # noqa: F401
    except ImportError:
        message = "a `pattern` in a schema needs google-re2: pip install 'turnstream[guardrails]'"
        raise errors.ConfigurationError(message) from None
    if schema_patterns.compile(pattern) is None:
        raise errors.ConfigurationError(f"the schema's pattern {pattern!r} is not one that RE2 can run")


def _differ(validator: Any, wanted: bool, value: Any, schema: Any) -> Iterator[Exception]:
    import jsonschema

    if not wanted or not validator.is_type(value, "array"):
        return
    if len({json.dumps(_plain(item), sort_keys=True) for item in value}) < len(value):
        yield jsonschema.ValidationError("has non-unique elements")


def _plain(value: Any) -> Any:
    """Numbers that are equal are the same: 1 and 1.0."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
