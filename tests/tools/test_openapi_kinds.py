"""Kinds of documents that real servers have, one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.test_openapi_documents import SERVER, document, offered, request
from turnstream.events import RunContext, ToolCall, ToolError
from turnstream.tools import auth, coercion, schema_check
from turnstream.tools.auth import Credentials
from turnstream.tools.forwarding import Forwarding
from turnstream.tools.http_client import Request
from turnstream.tools.http_tools import HttpTools
from turnstream.tools.openapi import OpenApi
from turnstream.tools.openapi.document import Document, parse
from turnstream.tools.openapi.operations import Choice, Fixed, operations


def posted(media: dict[str, Any], kind: str, body: Any, version: str = "3.1.0", **more: Any) -> Request:
    (operation,) = offered({"/x": {"post": {"requestBody": {"content": {kind: media}}}}}, version, **more)
    made: Request = operation.request({"body": body} if body is not None else {}, Credentials(), "key")
    return made


def body_schema(schema: Any, version: str = "3.1.0", **components: Any) -> Any:
    media = {"application/json": {"schema": schema}}
    paths = {"/x": {"post": {"requestBody": {"content": media, "required": True}}}}
    (operation,) = offered(paths, version, components={"schemas": components})
    return operation.schema["properties"]["body"]


def refuses(schema: Any, value: Any) -> bool:
    given = {"type": "object", "properties": {"a": schema}}
    try:
        schema_check.check(schema_check.validator(given), coercion.coerce({"a": value}, given), "tool")
    except ToolError:
        return True
    return False


# --------------------------------------------------------------------------------------------------------------- YAML


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("no", "no"), ("NO", "NO"), ("off", "off"), ("y", "y"), ("012", "012"), ("1_000", "1_000"),
        ("2020-01-01", "2020-01-01"), ("12:30", "12:30"), ("true", True), ("~", None), ("1.5e3", 1500.0), ("-4", -4),
        ("1e3", 1000.0), ("'1'", "1"),
    ],
)  # fmt: skip
def test_yaml_is_read_as_json_has_it(text: str, value: Any) -> None:
    assert parse(f"a: {text}", "x") == {"a": value}


def test_every_key_is_a_text() -> None:
    assert parse("{on: 1, no: 2, 200: 3, null: 4, 1.0: 5, true: 6}", "x") == {
        "on": 1, "no": 2, "200": 3, "null": 4, "1.0": 5, "true": 6,
    }  # fmt: skip
    assert parse("a: &a {x: 1}\nb: {<<: *a, y: 2}", "x")["b"] == {"x": 1, "y": 2}


def test_a_version_without_quotes_is_understood() -> None:
    assert Document("file:///a", parse("openapi: 3.1\npaths: {}", "x")).is_30 is False


# ------------------------------------------------------------------------------------------------------------ schemas

READ_ONLY_ID: dict[str, Any] = {"properties": {"id": {"readOnly": True, "type": "string"}, "name": {"type": "string"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {**READ_ONLY_ID, "required": ["id", "name"]},
        {"allOf": [READ_ONLY_ID], "required": ["id", "name"]},
        {"allOf": [READ_ONLY_ID, {"required": ["id", "name"]}]},
        {"allOf": [{"$ref": "#/components/schemas/Base"}, {"required": ["id", "name"]}]},
        {"allOf": [{"$ref": "#/components/schemas/Demands"}, READ_ONLY_ID]},
        {"properties": {"id": {"$ref": "#/components/schemas/Id", "readOnly": True}, "name": {}}, "required": ["id"]},
        {"properties": {"id": {"allOf": [{"$ref": "#/components/schemas/Id"}], "readOnly": True}}, "required": ["id"]},
    ],
)
def test_what_is_only_read_is_required_nowhere(schema: Any) -> None:
    more: dict[str, Any] = {"Base": READ_ONLY_ID, "Id": {"type": "string"}, "Demands": {"required": ["id"]}}
    made = body_schema(schema, **more)
    assert '"id"' not in json.dumps(made)
    assert not refuses(made, {"name": "x"})


@pytest.mark.parametrize("value", [19.99, 0.29, 0.01, 5, -0.07])
def test_multiples_are_counted_in_decimals(value: float) -> None:
    assert not refuses({"type": "number", "multipleOf": 0.01}, value)


def test_what_is_no_multiple_stays_refused() -> None:
    assert refuses({"type": "number", "multipleOf": 0.01}, 0.005)
    assert refuses({"type": "integer", "multipleOf": 2}, 3)


PETS = {
    "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
    "discriminator": {"propertyName": "petType", "mapping": {"cat": "Cat", "dog": "#/components/schemas/Dog"}},
}
CAT: dict[str, Any] = {
    "type": "object",
    "required": ["petType"],
    "properties": {"petType": {"type": "string"}, "name": {}},
}
DOG = {**CAT, "properties": {**CAT["properties"], "bark": {"type": "boolean"}}}


@pytest.mark.parametrize("list_of", [False, True])
def test_an_object_may_fit_several_branches_and_must_fit_one(list_of: bool) -> None:
    schema = body_schema({"type": "array", "items": PETS} if list_of else PETS, Cat=CAT, Dog=DOG)
    good, bad = {"petType": "cat", "name": "Tom"}, {"name": "Tom"}
    (operation,) = offered({"/x": {"post": {"requestBody": {"content": {"application/json": {"schema": PETS}}}}}},
                           components={"schemas": {"Cat": CAT, "Dog": DOG}})  # fmt: skip
    full = {**operation.schema, "properties": {"body": schema}}
    validator = schema_check.validator(full)
    schema_check.check(validator, {"body": [good] if list_of else good}, "tool")
    with pytest.raises(ToolError):
        schema_check.check(validator, {"body": [bad] if list_of else bad}, "tool")


def test_an_integer_is_a_number_too() -> None:
    assert not refuses({"oneOf": [{"type": "integer"}, {"type": "number"}]}, 1)


def test_a_component_with_an_address_of_its_own_is_a_resource() -> None:
    thing = {
        "$id": "https://example.com/thing",
        "$defs": {"X": {"type": "string"}},
        "properties": {"x": {"$ref": "#/$defs/X"}},
    }
    made = body_schema({"$ref": "#/components/schemas/Thing"}, Thing=thing)
    assert made["properties"]["x"] == {"type": "string"}


# -------------------------------------------------------------------------------------------------------------- bodies


def test_a_form_is_written_as_its_encoding_says() -> None:
    encoding = {
        "o": {"style": "deepObject", "explode": True},
        "ids": {"explode": False},
        "items": {"style": "deepObject"},
    }
    body = {"o": {"a": {"b": "x"}}, "ids": ["1", "2"], "items": [{"price": 5}], "n": None}
    made = posted({"schema": {}, "encoding": encoding}, "application/x-www-form-urlencoded", body)
    assert made.body == b"o%5Ba%5D%5Bb%5D=x&ids=1,2&items%5B0%5D%5Bprice%5D=5"


def test_an_object_in_a_form_is_json_unless_it_is_said_otherwise() -> None:
    made = posted({"schema": {}}, "application/x-www-form-urlencoded", {"o": {"a": "1"}, "l": ["a", "b"]})
    assert made.body == b"o=%7B%22a%22%3A%221%22%7D&l=a&l=b"


def test_parts_have_their_types_and_lists_a_part_an_item() -> None:
    media = {"schema": {}, "encoding": {"text": {"contentType": "text/csv"}}}
    made = posted(media, "multipart/form-data", {"tag": ["a", "b"], "meta": {"x": 1}, "text": "1,2"})
    text = (made.body or b"").decode()
    assert text.count('name="tag"\r\n\r\n') == 2
    assert 'name="meta"\r\nContent-Type: application/json\r\n\r\n{"x": 1}\r\n' in text
    assert 'name="text"\r\nContent-Type: text/csv\r\n\r\n1,2\r\n' in text


@pytest.mark.parametrize(
    ("kind", "schema", "body", "sent"),
    [
        ("application/vnd.api+json", {}, {"a": 1}, b'{"a": 1}'),
        ("application/json; charset=utf-8", {}, {"a": 1}, b'{"a": 1}'),
        ("application/x-ndjson", {"type": "string"}, '{"a":1}\n', b'{"a":1}\n'),
        ("application/xml", {"type": "string"}, "<a/>", b"<a/>"),
        ("text/plain", {}, "hello", b"hello"),
        ("*/*", {}, {"a": 1}, b'{"a": 1}'),
    ],
)
def test_a_body_is_sent_as_its_type_has_it(kind: str, schema: Any, body: Any, sent: bytes) -> None:
    made = posted({"schema": schema}, kind, body)
    assert made.body == sent
    assert made.headers["Content-Type"] == ("application/json" if kind == "*/*" else kind)


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("application/xml", {"type": "object", "properties": {"a": {}}}),
        ("*/*", {"type": "string", "format": "binary"}),
        ("application/octet-stream", {}),
        ("text/csv", {"type": "array", "items": {}}),
    ],
)
def test_a_body_that_no_model_can_write_leaves_its_operation_out(kind: str, schema: Any) -> None:
    assert offered({"/x": {"post": {"requestBody": {"content": {kind: {"schema": schema}}}}}}) == []


# --------------------------------------------------------------------------------------------------------------- query


@pytest.mark.parametrize(
    ("more", "value", "query"),
    [
        ({"explode": False}, ["a,b", "c"], "?c=a%2Cb,c"),
        ({"explode": False}, [], ""),
        ({}, [], ""),
        ({"allowReserved": True}, "a/b?c&d", "?c=a/b?c%26d"),
        ({"explode": False}, {"a": "x,y"}, "?c=a,x%2Cy"),
    ],
)
def test_details_of_a_query(more: dict[str, Any], value: Any, query: str) -> None:
    assert request([{"name": "c", "in": "query", "schema": {}, **more}], {"c": value}).url == f"{SERVER}/x{query}"


def test_a_query_in_a_path_and_in_a_server_stays_a_query() -> None:
    read = Document("https://a", document({"/t?action=list#part": {"get": {}}}))
    (operation,) = operations(read, "https://api.example.com/x?api-version=1", Choice(), Fixed())
    made = operation.request({}, Credentials(), "key")
    assert made.url == "https://api.example.com/x/t?api-version=1&action=list"


# --------------------------------------------------------------------------------------------------------------- names


def test_a_name_without_a_letter_that_vendors_take_falls_back_to_its_path() -> None:
    paths = {"/users/{id}": {"get": {"operationId": "日本"}, "put": {"operationId": "更新"}}}
    assert [operation.name for operation in offered(paths)] == ["get_users_id", "put_users_id"]


def test_what_has_no_description_says_what_it_is() -> None:
    own, shared = {"get": {"summary": "A."}}, {"summary": "B.", "get": {}}
    read = offered({"/a": own, "/b": shared, "/users/{id}/orders": {"get": {}}})
    assert [operation.description for operation in read] == ["A.", "B.", "GET /users/{id}/orders"]


def test_a_parameter_that_cannot_have_its_name_says_it() -> None:
    (operation,) = offered({"/x": {"get": {"parameters": [{"name": "名前", "in": "query", "schema": {}}]}}})
    assert operation.schema["properties"] == {"query": {"description": "名前"}}
    assert operation.request({"query": "x"}, Credentials(), "").url.endswith("?%E5%90%8D%E5%89%8D=x")


@pytest.mark.parametrize(
    "more",
    [
        {"auth": auth.api_key("k", "X-API-Key")},
        {"fixed": Fixed(headers={"x-api-key": "k"})},
        {"forwarding": Forwarding(["X-Api-Key"])},
    ],
)
def test_no_model_is_asked_for_what_is_filled(more: dict[str, Any], tmp_path: Path) -> None:
    key = {"name": "X-API-Key", "in": "header", "required": True, "schema": {"type": "string"}}
    (tmp_path / "api.json").write_text(json.dumps(document({"/x": {"get": {"parameters": [key]}}})))
    (spec,) = OpenApi(tmp_path / "api.json", **more)._specs
    assert spec.parameters["properties"] == {}
    assert spec.parameters["required"] == []


# ----------------------------------------------------------------------------------------------------- 3.1 and 3.2


def test_what_stands_beside_a_reference_of_a_path_counts() -> None:
    paths = {"/x": {"$ref": "#/components/pathItems/X", "parameters": [{"name": "a", "in": "query", "schema": {}}]}}
    item = {"get": {"operationId": "x"}, "parameters": [{"name": "b", "in": "query", "schema": {}}]}
    (operation,) = offered(paths, components={"pathItems": {"X": item}})
    assert set(operation.schema["properties"]) == {"a", "b"}


def test_methods_of_32_are_offered_and_a_query_that_is_one_parameter_is_not() -> None:
    paths = {
        "/a": {"query": {"operationId": "ask"}, "additionalOperations": {"COPY": {"operationId": "copy"}}},
        "/b": {"get": {"parameters": [{"name": "q", "in": "querystring", "content": {}}]}},
    }
    assert [(one.name, one.method) for one in offered(paths, "3.2.0")] == [("ask", "QUERY"), ("copy", "COPY")]
    assert offered(paths, "3.1.0") == []


# ----------------------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("schema", "given", "taken"),
    [
        ({"type": "array", "items": {"type": "string"}}, '["a"]', ["a"]),
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, '{"a": "3"}', {"a": 3}),
        ({"type": "integer"}, "3", 3),
        ({"type": "number"}, "2.5", 2.5),
        ({"type": "boolean"}, "true", True),
        ({"type": ["integer", "null"]}, "null", None),
        ({"anyOf": [{"type": "integer"}, {"type": "array"}]}, "[1]", [1]),
        ({"enum": [1, 2]}, "2", 2),
        ({"type": "string"}, "3", "3"),
        ({"type": "string"}, '["a"]', '["a"]'),
        ({}, "3", "3"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "3", "3"),
        ({"type": "integer"}, "three", "three"),
        ({"$ref": "#/$defs/N"}, "3", 3),
    ],
)
def test_json_in_a_string_is_taken_where_no_string_is_wanted(schema: Any, given: Any, taken: Any) -> None:
    whole = {"type": "object", "properties": {"a": schema}, "required": ["a"], "$defs": {"N": {"type": "integer"}}}
    assert coercion.coerce({"a": given}, whole) == {"a": taken}


def test_null_for_what_may_be_left_out_counts_as_left_out() -> None:
    schema = {"properties": {"a": {"type": "string"}, "b": {"type": ["string", "null"]}, "c": {}}, "required": []}
    assert coercion.coerce({"a": None, "b": None, "c": None}, schema) == {"b": None, "c": None}


async def test_a_call_with_a_bad_argument_is_told_what_is_wrong() -> None:
    (operation,) = offered(
        {"/x": {"get": {"parameters": [{"name": "n", "in": "query", "schema": {"type": "integer"}}]}}}
    )
    async with HttpTools([operation], source="x") as box:
        with pytest.raises(ToolError, match="n: 'three' is not of type 'integer'"):
            await box.call(ToolCall("1", operation.name, '{"n": "three"}'), RunContext())
