"""Schemas that are short and ask for more steps than there is time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from turnstream import errors
from turnstream.tools import coercion, schema_check

DEPTH = 60


def doubling(keyword: str, **more: Any) -> dict[str, Any]:
    """Each definition refers twice to the next: 2 to the power of `DEPTH` ways lead to the last."""
    chain = {f"d{n}": {keyword: [{"$ref": f"#/$defs/d{n + 1}"}] * 2, **more} for n in range(DEPTH)}
    return {"properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": {**chain, f"d{DEPTH}": {"type": "string"}}}


def recursive(depth: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A value that is nested so deep, each level of which is looked at twice."""
    value: Any = 1
    for _ in range(depth):
        value = {"x": value}
    node = {"properties": {"x": {"anyOf": [{"$ref": "#/$defs/node"}] * 2}}, "type": "object"}
    return {"$ref": "#/$defs/node", "$defs": {"node": node}}, value


def nested(depth: int) -> dict[str, Any]:
    """Without a reference: what is left to be evaluated is found by evaluating it again, at each level."""
    schema: dict[str, Any] = {"properties": {"y": {}}}
    for _ in range(depth):
        schema = {"allOf": [schema], "unevaluatedProperties": False}
    return schema


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        (doubling("anyOf"), {"x": 1}),
        (doubling("oneOf"), {"x": 1}),
        (doubling("allOf"), {"x": "a"}),
        (doubling("allOf", unevaluatedProperties=False), {"x": {}}),
        recursive(DEPTH),
        (nested(DEPTH), {"y": 1}),
    ],
)
def test_a_schema_with_any_number_of_ways_is_given_up_soon(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    began = time.process_time()
    with pytest.raises(errors.ToolError, match="of f cannot be checked: its schema takes too many steps"):
        schema_check.check(schema_check.validator(schema), coercion.coerce(arguments, schema), "f")
    assert time.process_time() - began < 30


def test_a_schema_without_an_end_is_refused() -> None:
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}
    with pytest.raises(errors.ToolError, match="its schema never ends"):
        schema_check.check(schema_check.validator(schema), coercion.coerce({"x": "1"}, schema), "f")


def test_arguments_that_nobody_can_mend_in_time_stay_as_they_are() -> None:
    assert coercion.coerce({"x": ["1"]}, doubling("anyOf")) == {"x": ["1"]}
    assert coercion.allows_null({"anyOf": [{"anyOf": [{"type": "null"}] * 400}] * 400})


def test_a_long_list_of_large_objects_is_checked_to_its_end() -> None:
    members = {name: {"type": "integer"} for name in "abcdefghij"}
    schema = {"properties": {"x": {"items": {"$ref": "#/$defs/row"}}}, "$defs": {"row": {"properties": members}}}
    rows: list[dict[str, Any]] = [dict.fromkeys("abcdefghij", 1) for _ in range(1000)]
    with pytest.raises(errors.ToolError, match=r"x\[999\]\.j: 'no' is not of type 'integer'"):
        schema_check.check(schema_check.validator(schema), {"x": [*rows[:-1], rows[0] | {"j": "no"}]}, "f")


SLOW = "^(a+)+$"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"properties": {"x": {"pattern": SLOW}}}, {"x": "a" * 50_000 + "!"}),
        ({"patternProperties": {SLOW: {}}, "additionalProperties": False}, {"a" * 50_000 + "!": 1}),
        ({"patternProperties": {SLOW: {}}, "additionalProperties": {"type": "string"}}, {"a" * 50_000 + "!": 1}),
    ],
)
def test_a_pattern_that_python_would_never_end_is_checked_at_once(schema: dict[str, Any], value: Any) -> None:
    begun = time.process_time()
    with pytest.raises(errors.ToolError, match="are wrong"):
        schema_check.check(schema_check.validator(schema), value, "look")
    assert time.process_time() - begun < 5


def test_names_are_told_by_their_patterns() -> None:
    schema = {"properties": {"id": {}}, "patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False}
    validator = schema_check.validator(schema)
    schema_check.check(validator, {"id": 1, "x-a": "b"}, "look")
    for wrong in ({"x-a": 1}, {"y": 1}):
        with pytest.raises(errors.ToolError, match="are wrong"):
            schema_check.check(validator, wrong, "look")


def test_a_pattern_that_nobody_can_run_fits_all() -> None:
    schema = {"properties": {"x": {"pattern": "^(?=a)b$"}}, "patternProperties": {"(?=c)": {"type": "string"}}}
    schema_check.check(schema_check.validator(schema | {"unevaluatedProperties": False}), {"x": "z", "c": 1}, "look")
