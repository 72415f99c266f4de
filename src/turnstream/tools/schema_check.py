"""What a model wrote, held against the schema of a tool's arguments.

The check is a help for the model: the server is the judge. So it lets pass whatever a server may take. Schemas come
from servers that nobody knows, and a short one can ask for more steps than anybody waits for (``anyOf`` of two
references to the next of thirty definitions): each step of jsonschema resolves something, and that is counted.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import count
from typing import Any, NamedTuple

from turnstream import errors, schema_patterns, text as texts

_MOST_PROBLEMS = 3
_MOST_EXCERPT = 200
_MOST_STEPS = 30_000
"""About half a second. A list of a thousand objects with ten members each takes a third of them."""


class TooManyStepsError(Exception):
    """Nobody can say whether the value fits."""


class _BoundedResolver:
    """A resolver of jsonschema's that counts what it is asked, which is something at each step into a schema."""

    def __init__(self, resolver: Any, steps: Iterator[int]) -> None:
        self._resolver, self._steps = resolver, steps

    def lookup(self, reference: str) -> _Resolved:
        self._count()
        found = self._resolver.lookup(reference)
        return _Resolved(found.contents, _BoundedResolver(found.resolver, self._steps))

    def in_subresource(self, resource: Any) -> _BoundedResolver:
        self._count()
        inner = self._resolver.in_subresource(resource)
        return self if inner is self._resolver else _BoundedResolver(inner, self._steps)

    def dynamic_scope(self) -> Any:
        return self._resolver.dynamic_scope()

    def _count(self) -> None:
        if next(self._steps) >= _MOST_STEPS:
            raise TooManyStepsError


class _Resolved(NamedTuple):
    contents: Any
    resolver: _BoundedResolver


def validator(schema: Mapping[str, Any]) -> Any:
    """A validator of jsonschema that never fetches what a schema refers to."""
    from referencing import Registry

    return _validator_class(schema_patterns.has_names(schema))(dict(schema), registry=Registry())


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises jsonschema's ``SchemaError``."""
    _validator_class(False).check_schema(schema)


@functools.cache
def _validator_class(has_names: bool) -> Any:
    from jsonschema import Draft202012Validator, validators

    extend: Any = validators.extend  # it has no types
    keywords = {"multipleOf": _multiple_of, "oneOf": _one_of, "pattern": schema_patterns.match}
    return extend(Draft202012Validator, keywords | (schema_patterns.OF_NAMES if has_names else {}))


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


def find_errors(validator: Any, value: Any) -> Iterator[Any]:
    """Jsonschema's ``ValidationError``s. Raises `TooManyStepsError`."""
    bounded = _BoundedResolver(validator._resolver, count())
    found: Iterator[Any] = validator.evolve(_resolver=bounded).iter_errors(value)
    return found


def check(validator: Any, arguments: Mapping[str, Any], name: str) -> None:
    """Raises `ToolError`, which tells the model what is wrong and where."""
    try:
        found = list(find_errors(validator, dict(arguments)))
    except RecursionError:
        raise errors.ToolError(f"The arguments of {name} cannot be checked: its schema never ends.") from None
    except TooManyStepsError:
        raise errors.ToolError(f"The arguments of {name} cannot be checked: its schema takes too many steps.") from None
    if found:
        outermost = sorted(found, key=lambda one: len(one.path))[:_MOST_PROBLEMS]
        problems = "; ".join(_problem(error) for error in outermost)
        raise errors.ToolError(f"The arguments of {name} are wrong: {problems}.", code="invalid_arguments")


def _problem(error: Any) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    message = texts.excerpt(error.message, _MOST_EXCERPT)
    return f"{path.removeprefix('.')}: {message}" if path else message
