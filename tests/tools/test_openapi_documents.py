"""What a document may say, read without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.events import ConfigurationError, RunContext, ToolCall, ToolError, ToolSpec
from turnstream.tools.auth import Credentials
from turnstream.tools.http_client import Request
from turnstream.tools.http_tools import HttpTools
from turnstream.tools.openapi import OpenApi
from turnstream.tools.openapi.document import Document, parse
from turnstream.tools.openapi.operations import Choice, Fixed, operations

SERVER = "https://api.example.com/v1"


def document(paths: Any, version: str = "3.1.0", **more: Any) -> dict[str, Any]:
    return {"openapi": version, "info": {}, "servers": [{"url": SERVER}], "paths": paths, **more}


def offered(paths: Any, version: str = "3.1.0", **more: Any) -> list[Any]:
    read = Document("file:///spec/api.json", document(paths, version, **more))
    return operations(read, SERVER, Choice(), Fixed())


def request(parameters: list[dict[str, Any]], arguments: dict[str, Any], path: str = "/x") -> Request:
    (operation,) = offered({path: {"get": {"parameters": parameters}}})
    made: Request = operation.request(arguments, Credentials(), "key")
    return made


@pytest.mark.parametrize(
    ("more", "value", "query"),
    [
        ({}, [1, 2], "p=1&p=2"),
        ({"explode": False}, [1, 2], "p=1,2"),
        ({"style": "pipeDelimited", "explode": False}, ["a", "b"], "p=a%7Cb"),
        ({"style": "spaceDelimited", "explode": False}, ["a", "b"], "p=a%20b"),
        ({}, {"a": 1, "b": 2}, "a=1&b=2"),
        ({"style": "deepObject"}, {"a": {"min": 1}, "b": [2, 3]}, "p%5Ba%5D%5Bmin%5D=1&p%5Bb%5D=2&p%5Bb%5D=3"),
        ({}, True, "p=true"),
        ({"content": {"application/json": {"schema": {}}}}, {"a": 1}, "p=%7B%22a%22%3A%201%7D"),
    ],
)  # fmt: skip
def test_the_styles_of_a_query(more: dict[str, Any], value: Any, query: str) -> None:
    made = request([{"name": "p", "in": "query", "schema": {}, **more}], {"p": value})
    assert made.url == f"{SERVER}/x?{query}"


@pytest.mark.parametrize(
    ("more", "value", "path"),
    [
        ({}, "a/b", "a%2Fb"),
        ({}, [1, 2], "1,2"),
        ({"style": "label"}, "a", ".a"),
        ({"style": "matrix"}, "a", ";p=a"),
        ({"style": "matrix", "explode": True}, [1, 2], ";p=1;p=2"),
        ({"explode": True}, {"a": 1, "b": 2}, "a=1,b=2"),
    ],
)
def test_the_styles_of_a_path(more: dict[str, Any], value: Any, path: str) -> None:
    made = request([{"name": "p", "in": "path", "required": True, "schema": {}, **more}], {"p": value}, "/x/{p}/y")
    assert made.url == f"{SERVER}/x/{path}/y"


def test_version_30_becomes_json_schema() -> None:
    schema = {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "nullable": True, "enum": [2, 3], "example": 2}
    (operation,) = offered({"/x": {"get": {"parameters": [{"name": "p", "in": "query", "schema": schema}]}}}, "3.0.3")
    expected = {"type": ["integer", "null"], "exclusiveMinimum": 1, "enum": [2, 3, None]}
    assert operation.schema["properties"]["p"] == expected


def test_what_only_answers_have_is_not_asked_for() -> None:
    thing = {
        "type": "object",
        "required": ["id", "title"],
        "properties": {"id": {"type": "integer", "readOnly": True}, "title": {"type": "string"}},
    }
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
    (operation,) = offered({"/x": {"post": {"requestBody": body}}}, components={"schemas": {"Thing": thing}})
    made = operation.schema["properties"]["body"]
    assert made == {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}


def test_names_are_valid_and_unique() -> None:
    paths = {"/a": {"get": {"operationId": "a.b/c"}, "post": {"operationId": "a.b/c"}}, "/b/{id}": {"get": {}}}
    assert [operation.name for operation in offered(paths)] == ["a_b_c", "a_b_c_2", "get_b_id"]


def test_two_parameters_of_one_name_and_those_of_the_path_itself() -> None:
    shared = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    own = [{"name": "id", "in": "query", "schema": {}}, {"name": "Authorization", "in": "header", "schema": {}}]
    (operation,) = offered({"/x/{id}": {"parameters": shared, "get": {"parameters": own}}})
    assert list(operation.schema["properties"]) == ["id", "id_query"]
    assert operation.schema["required"] == ["id"]


def test_an_operation_may_be_a_reference_and_have_a_server_of_its_own() -> None:
    here, there = (
        [{"url": "https://{at}.example.com/v2", "variables": {"at": {"default": "api"}}}],
        [{"url": "https://b"}],
    )
    paths = {
        "/a": {"get": {"$ref": "#/x-operations/a"}},
        "/b": {"get": {"servers": here}},
        "/c": {"servers": there, "get": {}},
    }
    more: dict[str, Any] = {"x-operations": {"a": {"operationId": "a"}}}
    read = offered(paths, **more)
    assert [(one.name, one.url) for one in read] == [
        ("a", f"{SERVER}/a"),
        ("get_b", "https://api.example.com/v2/b"),
    ]


def test_no_path_and_no_parameter_changes_where_a_request_goes() -> None:
    paths: dict[str, Any] = {path: {"get": {}} for path in (".evil.com/a", "@evil.com/a", ":8080/a", "x-more", "/a")}
    headers: list[dict[str, Any]] = [
        {"name": name, "in": "header", "schema": {}} for name in ("Host", "Content-Length", "X-Good")
    ]
    paths["/b"] = {"get": {"parameters": [{"name": "bad header", "in": "header", "schema": {}}]}}
    paths["/c"] = {"get": {"parameters": headers}}
    read = operations(Document("https://a", document(paths)), "https://api.example.com", Choice(), Fixed())
    assert [one.url for one in read] == ["https://api.example.com/a", "https://api.example.com/c"]
    assert list(read[1].schema["properties"]) == ["X-Good"]


async def test_a_schema_that_never_ends_is_told() -> None:
    schemas = {
        "A": {"allOf": [{"$ref": "#/components/schemas/B"}]},
        "B": {"allOf": [{"$ref": "#/components/schemas/A"}]},
    }
    given = [{"name": "a", "in": "query", "schema": {"$ref": "#/components/schemas/A"}}]
    box = HttpTools(offered({"/x": {"get": {"parameters": given}}}, components={"schemas": schemas}), source="x")
    async with box:
        with pytest.raises(ToolError, match=r"^The arguments of get_x cannot be checked: its schema never ends\.$"):
            await box.call(ToolCall("1", "get_x", '{"a": 1}'), RunContext())


def test_a_pattern_that_python_cannot_read_is_left_out() -> None:
    given = [{"name": "p", "in": "query", "schema": {"type": "string", "pattern": r"^\p{L}+$"}}]
    (operation,) = offered({"/x": {"get": {"parameters": given}}})
    assert operation.schema["properties"]["p"] == {"type": "string"}


def test_one_bad_operation_costs_only_itself() -> None:
    bad = {"parameters": [{"$ref": "#/components/parameters/Gone"}]}
    upload: dict[str, Any] = {"requestBody": {"content": {"application/octet-stream": {}}}}
    loop = {"$ref": "#/paths/~1loop"}
    paths = {"/bad": {"get": bad}, "/upload": {"post": upload}, "/loop": loop, "/good": {"get": {}}}
    assert [operation.name for operation in offered(paths)] == ["get_good"]


def test_neighbouring_files_are_read_and_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "spec"
    folder.mkdir()
    (tmp_path / "secret.json").write_text('{"type": "string"}')
    (folder / "thing.yaml").write_text("type: object\nproperties: {next: {$ref: '#'}, since: {const: 2020-01-01}}\n")

    def tool(reference: str) -> list[ToolSpec]:
        body = {"content": {"application/json": {"schema": {"$ref": reference}}}}
        (folder / "api.json").write_text(
            json.dumps(document({"/a": {"post": {"requestBody": body}}, "/b": {"get": {}}}))
        )
        return OpenApi(folder / "api.json")._specs

    schema = tool("thing.yaml")[0].parameters
    assert schema["$defs"]["thing.yaml"]["properties"]["since"] == {"const": "2020-01-01"}
    for other in ("../secret.json", f"file://{tmp_path}/secret.json", "https://example.com/secret.json"):
        assert [spec.name for spec in tool(other)] == ["get_b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "neither JSON nor YAML"),
        ("[]", "not an OpenAPI document"),
        ('{"swagger": "2.0"}', "OpenAPI 3.0 and 3.1 are understood; the document has version 2.0"),
        ('{"openapi": "3.1.0", "paths": {"/a": {"get": {}}}}', "give base_url"),
        ('{"openapi": "3.1.0", "servers": [{"url": "https://a"}]}', "none of the document's operations is offered"),
    ],
)
def test_what_is_no_document_is_a_configuration_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "api.json").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        OpenApi(tmp_path / "api.json")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["#/components/schemas/A", "query"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["$ref", "schema", "properties", "name", "in", "content", "type", "required", "nullable"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON, JSON)
@settings(deadline=None, max_examples=200)
def test_no_document_makes_the_reader_fail_otherwise_than_declared(parameters: Any, body: Any, schema: Any) -> None:
    operation = {"parameters": [parameters], "requestBody": {"content": {"application/json": {"schema": body}}}}
    try:
        offered({"/x": {"post": operation, "get": body}, "/y": parameters}, components={"schemas": {"A": schema}})
    except ConfigurationError:
        pass


@given(st.binary(max_size=60))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_a_document_or_a_configuration_error(data: bytes) -> None:
    try:
        parse(data, "x")
    except ConfigurationError:
        pass
