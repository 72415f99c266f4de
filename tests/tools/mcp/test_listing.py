"""Schemas of valid servers in any language are listed, in the draft that vendors know."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import types

from turnstream.tools import json_schema
from turnstream.tools.mcp import listing, results


def listed(*tools: dict[str, Any]) -> list[types.Tool]:
    found = {"tools": list(tools)}
    listing.repair(found)
    return listing.usable(types.ListToolsResult.model_validate(found).tools)


def tool(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "tool", "inputSchema": schema, **more}


def schema_of(**members: Any) -> dict[str, Any]:
    (one,) = listed(tool({"type": "object", **members}))
    return one.input_schema


NUMBER = {"type": "number"}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"items": [NUMBER, NUMBER]}, {"prefixItems": [NUMBER, NUMBER]}),
        ({"items": [NUMBER], "additionalItems": False}, {"prefixItems": [NUMBER], "items": False}),
        ({"minimum": 0, "exclusiveMinimum": True}, {"exclusiveMinimum": 0}),
        ({"type": "string", "pattern": r"^\p{L}+$"}, {"type": "string"}),
        ({"properties": {"a": NUMBER}, "required": ["a", "gone"]}, {"properties": {"a": NUMBER}, "required": ["a"]}),
        ({"dependencies": {"a": ["b"]}}, {"dependentRequired": {"a": ["b"]}}),
        ({"$comment": "stays", "const": {"items": [1]}}, {"$comment": "stays", "const": {"items": [1]}}),
    ],
)
def test_older_drafts_are_translated(given: dict[str, Any], made: dict[str, Any]) -> None:
    schema = schema_of(properties={"p": given}, **{"$schema": "http://json-schema.org/draft-07/schema#"})
    assert schema == {"type": "object", "properties": {"p": made}}


def test_a_schema_of_the_newest_draft_stays_as_it_is() -> None:
    given = {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/s", "type": "object",
        "$defs": {"a": {"$anchor": "x"}}, "properties": {"a": {"$ref": "#/$defs/a"}}, "additionalProperties": False,
    }  # fmt: skip
    assert json_schema.modern(given) == given


@pytest.mark.parametrize("member", [{"required": None}, {"properties": None}, {"properties": None, "required": None}])
def test_null_for_an_empty_list_or_map_is_taken(member: dict[str, Any]) -> None:
    assert schema_of(**member) == {"type": "object"}


def test_references_by_a_schemas_own_address_lead_into_it() -> None:
    own = "https://example.com/s"
    schema = schema_of(**{"$id": own, "definitions": {"a": {}}, "properties": {"a": {"$ref": f"{own}#/definitions/a"}}})
    assert schema["properties"]["a"] == {"$ref": "#/definitions/a"}


def test_bad_ornaments_do_not_cost_a_tool() -> None:
    (one,) = listed(tool({}, annotations={"readOnlyHint": "perhaps"}, icons="none"))
    assert one.name == "tool"


def test_the_second_of_two_tools_with_one_name_is_left_out_aloud(caplog: pytest.LogCaptureFixture) -> None:
    (one,) = listed(tool({}, description="first"), tool({}, description="second"))
    assert one.description == "first"
    assert "lists two tools named 'tool'" in caplog.text


def test_a_name_that_had_to_be_changed_stands_in_the_description() -> None:
    (one,) = listed({"name": "天気", "inputSchema": {}, "description": "The weather."})
    assert results.spec(one, "tool", "", None).description == "天気: The weather."
