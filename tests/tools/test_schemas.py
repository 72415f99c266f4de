from __future__ import annotations

from typing import Any

from turnstream.tools.schemas import tidy

POINT = {"title": "Point", "type": "object", "properties": {"x": {"title": "X", "type": "integer"}}}


def test_titles_go_but_a_property_named_title_stays() -> None:
    schema = {"title": "Book", "type": "object", "properties": {"title": {"title": "Title", "type": "string"}}}
    expected = {"type": "object", "properties": {"title": {"type": "string"}}, "additionalProperties": False}
    assert tidy(schema) == expected


def test_a_definition_that_is_used_once_is_put_in_its_place_and_keeps_what_stands_beside_the_reference() -> None:
    schema = {"properties": {"at": {"$ref": "#/$defs/Point", "description": "where"}}, "$defs": {"Point": POINT}}
    assert tidy(schema)["properties"]["at"] == {
        "type": "object",
        "properties": {"x": {"type": "integer"}},
        "description": "where",
        "additionalProperties": False,
    }
    assert "$defs" not in tidy(schema)


def test_a_definition_that_is_used_twice_stays_one() -> None:
    point = {"$ref": "#/$defs/Point"}
    tidied = tidy({"properties": {"a": point, "b": point}, "$defs": {"Point": POINT}})
    assert tidied["properties"] == {"a": point, "b": point}
    assert list(tidied["$defs"]) == ["Point"]


def test_a_recursive_definition_stays() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    tidied = tidy({"properties": {"list": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}})
    assert tidied["$defs"]["Node"]["properties"] == node["properties"]


def test_a_definition_inside_an_inlined_one_is_inlined_too() -> None:
    outer = {"type": "object", "properties": {"p": {"$ref": "#/$defs/Point"}}}
    tidied = tidy({"properties": {"o": {"$ref": "#/$defs/Outer"}}, "$defs": {"Outer": outer, "Point": POINT}})
    assert tidied["properties"]["o"]["properties"]["p"]["properties"] == {"x": {"type": "integer"}}
    assert "$defs" not in tidied


def test_a_shared_definition_keeps_what_it_refers_to() -> None:
    pair = {"type": "object", "properties": {"a": {"$ref": "#/$defs/Point"}}}
    use = {"$ref": "#/$defs/Pair"}
    tidied = tidy({"properties": {"x": use, "y": use}, "$defs": {"Pair": pair, "Point": POINT}})
    assert tidied["$defs"]["Pair"]["properties"]["a"]["properties"] == {"x": {"type": "integer"}}
    assert list(tidied["$defs"]) == ["Pair"]


def test_defaults_and_enums_are_data_and_stay_as_they_are() -> None:
    schema = {"properties": {"a": {"default": {"title": 1, "default": None}, "enum": [{"title": 1}]}}}
    assert tidy(schema)["properties"]["a"] == schema["properties"]["a"]


def test_an_object_that_says_what_else_it_takes_is_left_open() -> None:
    assert tidy({"properties": {}, "additionalProperties": True})["additionalProperties"] is True
