"""A real server of more than a hundred operations, called by what its document says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.tools.web import allowed
from turnstream.events import RunContext, ToolCall, ToolError, ToolOutput, ToolSpec
from turnstream.tools import auth
from turnstream.tools.answers import Projection
from turnstream.tools.http_client import HttpOptions
from turnstream.tools.openapi import OpenApi
from turnstream.tools.openapi.operations import Choice

CONTEXT = RunContext(run_id="run", tool_call_id="call")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    script = Path(__file__).parent / "openapi_server.py"
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    assert process.stdout
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.wait(10)
    process.stdout.close()


def box(url: str, **more: Any) -> OpenApi:
    return OpenApi(f"{url}/openapi.json", options=allowed(url), **more)


async def called(tools: OpenApi, name: str, **arguments: Any) -> ToolOutput:
    async with tools:
        return await tools.call(ToolCall("1", name, json.dumps(arguments)), CONTEXT)


async def specs(tools: OpenApi) -> dict[str, ToolSpec]:
    async with tools:
        return {spec.name: spec for spec in await tools.tools(CONTEXT)}


async def test_every_operation_is_a_tool_with_a_schema_that_stands_alone(url: str) -> None:
    found = await specs(box(url))
    assert len(found) == 114
    for spec in found.values():
        Draft202012Validator.check_schema(spec.parameters)
        assert "#/components" not in json.dumps(spec.parameters)
    assert [found[f"{verb}_kind0"].effect for verb in ("list", "create", "replace", "delete")] == [
        "none", "once", "idempotent", "idempotent",
    ]  # fmt: skip
    body = found["create_kind0"].parameters["properties"]["body"]
    assert body["properties"]["size"]["enum"] == ["small", "large"]
    assert body["properties"]["node"]["anyOf"][0] == {"$ref": "#/$defs/Node-Input"}
    assert found["everywhere"].description == "Everywhere\n\nSay what came from where.\n\nA longer description."
    assert found["everywhere"].parameters["properties"]["where"]["description"] == "Where."


async def test_a_thing_is_created_read_replaced_and_deleted(url: str) -> None:
    tools = box(url)
    item = {"name": "café", "price": 2.5, "size": "large", "node": {"name": "a", "children": [{"name": "b"}]}}
    made = await called(tools, "create_kind1", body=item)
    assert made.data == {"id": 1, "key": "run.call"}
    assert (await called(tools, "get_kind1", id=1)).data["node"]["children"][0]["name"] == "b"
    assert (await called(tools, "replace_kind1", id=1, body={"name": "x"})).data["name"] == "x"
    listed = await called(tools, "list_kind1", limit=1, tag=["a b", "c"])
    assert [listed.data["items"][0]["id"], listed.data["tag"]] == [1, ["a b", "c"]]
    assert (await called(tools, "delete_kind1", id=1)).content == "Done (status 204, no content)."
    missing = await called(tools, "get_kind1", id=1)
    assert missing.is_error
    assert missing.content == '127.0.0.1 answered with status 404: {"detail":"no kind1 1"}'


async def test_arguments_arrive_where_the_document_wants_them_however_hostile(url: str) -> None:
    hostile = "a?b#c%2e\\@evil é"
    seen = await called(
        box(url), "everywhere", where=hostile, other="small", q="&x=1", session="s;t", **{"x-trace": "t"}
    )
    assert seen.data["where"] == hostile
    assert [seen.data[name] for name in ("q", "x_trace", "other")] == ["&x=1", "t", "small"]
    with pytest.raises(ToolError, match=r"must not be '\.' or '\.\.'"):
        await called(box(url), "everywhere", where="..", other="small")
    with pytest.raises(ToolError, match=r"other: 'x' is not one of \['small', 'large'\]"):
        await called(box(url), "everywhere", where="a", other="x")


async def test_forms_recursive_bodies_and_keys(url: str) -> None:
    tools = box(url, auth=auth.api_key("k-1", "X-API-Key"))
    assert (await called(tools, "form", body={"name": "a&b", "times": 3})).data == {"name": "a&b", "times": 3}
    root = {"name": "a", "children": [{"name": "b", "children": [{"name": "c", "children": []}]}]}
    assert (await called(tools, "tree", body=root)).data == root
    with pytest.raises(ToolError, match=r"body\.children\[0\]: 'name' is a required property"):
        await called(tools, "tree", body={"name": "a", "children": [{}]})
    assert (await called(tools, "secret")).data == {"given": "k-1"}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["get_kind1", "form"], [], {"get_kind1", "form"}),
        (["tag:kind2"], ["tag:write"], {"list_kind2", "create_kind2", "get_kind2"}),
        (["/kind3*"], ["DELETE *", "PUT *"], {"list_kind3", "create_kind3", "get_kind3"}),
        (["GET /kind4/{id}"], [], {"get_kind4"}),
    ],
)
async def test_operations_are_chosen_by_id_tag_and_path(
    url: str, include: list[str], exclude: list[str], expected: set[str]
) -> None:
    assert set(await specs(box(url, choice=Choice(include, exclude)))) == expected


async def test_an_answer_is_projected(url: str) -> None:
    tools = box(url, projection=Projection("other"))
    assert (await called(tools, "everywhere", where="a", other="small")).content == "small"


async def test_without_leave_no_request_goes_to_the_private_network(url: str) -> None:
    with pytest.raises(ToolError, match=r"Could not load openapi:127\.0\.0\.1: 127\.0\.0\.1 is not a public address"):
        await specs(OpenApi(f"{url}/openapi.json", options=HttpOptions()))


async def test_a_document_that_cannot_be_had_is_not_asked_for_at_once_again(url: str) -> None:
    tools = OpenApi(f"{url}/nothing.json", options=allowed(url))
    with pytest.raises(ToolError, match="answered with status 404"):
        await specs(tools)
    with pytest.raises(ToolError, match="will retry"):
        await specs(tools)
