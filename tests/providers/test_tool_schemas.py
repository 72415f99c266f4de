"""What the top of a tool's schema is put together to."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from turnstream import messages, providers, requests, toolspec
from turnstream.providers.encode.tool_schemas import as_object

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
A = {"type": "object", "properties": {"a": TEXT, "c": TEXT}, "required": ["a", "c"]}
B = {"type": "object", "properties": {"b": NUMBER, "c": TEXT}, "required": ["b", "c"]}
BOTH = {"a": TEXT, "b": NUMBER, "c": TEXT}


@pytest.mark.parametrize("schema", [A, {"type": "object"}, {**A, "$defs": {"X": {"anyOf": [TEXT]}}}])
def test_that_of_an_object_is_left_alone(schema: dict[str, Any]) -> None:
    assert as_object(schema) is schema


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_of_alternatives_all_properties_may_and_common_ones_must_be_given(keyword: str) -> None:
    assert as_object({"type": "object", keyword: [A, B]}) == {
        "type": "object",
        "properties": BOTH,
        "required": ["c"],
    }


def test_what_alternatives_describe_differently_is_any_of_it() -> None:
    kinds = [{"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]} for kind in "xyx"]
    assert as_object({"oneOf": kinds}) == {
        "type": "object",
        "properties": {"kind": {"anyOf": [{"const": "x"}, {"const": "y"}]}},
        "required": ["kind"],
    }


def test_of_parts_all_that_any_requires_must_be_given() -> None:
    found = as_object({"allOf": [A, B], "description": "d"})
    assert found == {"type": "object", "properties": BOTH, "required": ["a", "c", "b"], "description": "d"}


def test_alternatives_of_what_is_required_leave_the_properties() -> None:
    schema = {"type": "object", "properties": BOTH, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    assert as_object(schema) == {"type": "object", "properties": BOTH}


def test_a_reference_is_what_it_leads_to() -> None:
    schema = {"$ref": "#/$defs/X", "$defs": {"X": A}}
    assert as_object(schema) == {**A, "$defs": {"X": A}}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": None, "properties": None, "required": None},
        {"type": "string"},
        {"type": "array", "items": {}},
        {"anyOf": [TEXT, 3, None]},
        {"$ref": "#/$defs/gone"},
        {"$ref": "https://example.org/x"},
    ],
)
def test_what_describes_no_object_takes_no_arguments(schema: dict[str, Any]) -> None:
    found = as_object(schema)
    assert (found["type"], found.get("properties", {}), found.get("required", [])) == ("object", {}, [])


def test_schemas_that_lead_to_each_other_come_to_an_end() -> None:
    began = time.process_time()
    loop: dict[str, Any] = {"anyOf": [{"$ref": "#"}, {"$ref": "#/$defs/X"}] * 500, "$defs": {}}
    loop["$defs"] = {"X": {"allOf": [{"$ref": "#/$defs/X"}, {"$ref": "#/anyOf/0"}, A] * 500}}
    assert as_object(loop)["properties"] == A["properties"]
    assert time.process_time() - began < 1


def sent(name: str) -> Any:
    model: Any = providers.model(name, base_url="https://v/v1", api_key="k", environ={"AWS_REGION": "us-east-1"})
    tools = (toolspec.ToolSpec("f", "", {"oneOf": [A, B]}),)
    asked = requests.ModelRequest((messages.UserMessage("Hi"),), tools)
    return json.loads(model.provider.request(model.settings, asked).body)


@pytest.mark.parametrize(
    "name",
    [
        "anthropic:claude-haiku-4-5",
        "bedrock:anthropic.claude-haiku-4-5",
        "gemini:gemini-2.5-flash",
        "openai:gpt-4.1",
        "openai-responses:gpt-5",
        "openrouter:anthropic/claude-sonnet-4.5",
        "litellm:gemini-2.5-pro",
    ],
)
def test_vendors_that_refuse_alternatives_get_an_object(name: str) -> None:
    found = json.dumps(sent(name))
    assert "oneOf" not in found
    assert all(f'"{name}": {{"type"' in found for name in "abc")


def test_servers_of_ones_own_get_what_the_tool_declares() -> None:
    assert sent("vllm:qwen3")["tools"][0]["function"]["parameters"] == {"oneOf": [A, B]}
