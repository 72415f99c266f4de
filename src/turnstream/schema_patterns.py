"""The patterns of JSON schemas, held against texts of strangers: in linear time by RE2, or not at all.

Python's own expressions can be kept busy for ever by thirty characters, and hold the whole process meanwhile. Where
RE2 is not installed (extra ``guardrails``), or cannot run a pattern, whatever is written fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any


@lru_cache(1024)
def compile(pattern: str) -> Any:
    """RE2's expression; None for a pattern that cannot be run."""
    try:
        import re2
    except ImportError:
        return None
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def may_match(pattern: str, text: str) -> bool:
    """False only where it certainly does not."""
    expression = compile(pattern)
    return expression is None or expression.search(text) is not None


def has_names(schema: Any) -> bool:
    """Whether any part of it tells members by a pattern of their names."""
    if isinstance(schema, list | tuple):
        return any(map(has_names, schema))
    if not isinstance(schema, Mapping):
        return False
    return "patternProperties" in schema or any(map(has_names, schema.values()))


def match(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[Exception]:
    if validator.is_type(value, "string") and not may_match(pattern, value):
        yield _fault(f"{value!r} does not match {pattern!r}")


def _match_names(validator: Any, patterns: Mapping[str, Any], value: Any, schema: Any) -> Iterator[Exception]:
    if validator.is_type(value, "object"):
        for pattern, inner in patterns.items():
            for name, item in value.items():
                if compile(pattern) is not None and may_match(pattern, name):
                    yield from validator.descend(item, inner, path=name, schema_path=pattern)


def _find_others(validator: Any, allowed: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Exception]:
    if not validator.is_type(value, "object"):
        return
    patterns = schema.get("patternProperties", {})
    for name, item in value.items():
        if name in schema.get("properties", {}) or any(may_match(pattern, name) for pattern in patterns):
            continue
        if validator.is_type(allowed, "object"):
            yield from validator.descend(item, allowed, path=name)
        elif not allowed:
            yield _fault(f"Additional properties are not allowed ({name!r} was unexpected)")


def _pass(validator: Any, allowed: Any, value: Any, schema: Any) -> Iterator[Exception]:
    return iter(())


OF_NAMES = {
    "patternProperties": _match_names,
    "additionalProperties": _find_others,
    "unevaluatedProperties": _pass,  # it asks Python's `re` about all patterns below
}
"""How jsonschema's validator is to check these keywords, in a schema that `has_names`."""


def _fault(message: str) -> Exception:
    from jsonschema import ValidationError

    return ValidationError(message)
