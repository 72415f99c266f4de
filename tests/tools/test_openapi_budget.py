"""Documents of strangers that cost more than they are worth."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, strategies as st

from tests.parsing.test_yaml12 import BOMB
from tests.tools.test_openapi_documents import SERVER, document, offered
from tests.tools.web import allowed, serving
from turnstream.events import RunContext, ToolError
from turnstream.tools.openapi import OpenApi, toolbox
from turnstream.tools.openapi.budget import Budget, SpentError
from turnstream.tools.openapi.document import Document
from turnstream.tools.openapi.operations import Choice, Fixed, operations


def posting(schema: Any) -> dict[str, Any]:
    return {"/x": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}}


def doubling(levels: int, **more: Any) -> dict[str, Any]:
    """Each schema refers twice to the next."""
    reference = "#/components/schemas/A{}"
    schemas = {f"A{n}": {**more, "allOf": [{"$ref": reference.format(n + 1)}] * 2} for n in range(levels)}
    return {"schemas": {**schemas, f"A{levels}": more}}


READ_ONLY = {"properties": {"id": {"readOnly": True}}, "required": ["id"]}
FIRST = posting({"$ref": "#/components/schemas/A0"})


@pytest.mark.parametrize("more", [{}, READ_ONLY], ids=["plain", "read-only"])
def test_references_that_double_end_in_an_error(more: dict[str, Any]) -> None:
    read = Document("file:///x", document(FIRST, components=doubling(60, **more)), budget=Budget(20_000))
    with pytest.raises(SpentError, match="more than 20,000 values"):
        operations(read, SERVER, Choice(), Fixed())


def test_an_operation_with_a_huge_schema_is_left_out_alone(caplog: pytest.LogCaptureFixture) -> None:
    paths = {**posting({"allOf": [{}] * 100_000}), "/y": {"get": {"operationId": "y"}}}
    assert [one.name for one in offered(paths)] == ["y"]
    assert "more than 30,000 values" in caplog.text


@given(st.integers(1, 3000), st.integers(1, 4))
def test_no_document_costs_more_than_its_budget_allows(most: int, levels: int) -> None:
    budget = Budget(most)
    read = Document("file:///x", document(FIRST, components=doubling(levels, **READ_ONLY)), budget=budget)
    try:
        operations(read, SERVER, Choice(), Fixed())
    except SpentError:
        with pytest.raises(SpentError):
            budget.spend()


def served(body: str) -> Any:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=body)

    return serving(answer)


async def test_a_document_from_the_network_has_no_aliases() -> None:
    async with served(f"openapi: 3.1.0\npaths: {{}}\n{BOMB}") as url:
        box = OpenApi(f"{url}/api.yaml", options=allowed(url))
        with pytest.raises(ToolError, match="uses YAML aliases"):
            await box.tools(RunContext())


def test_a_file_may_have_aliases_that_stand_for_little(tmp_path: Any) -> None:
    path = tmp_path / "api.yaml"
    head = f"openapi: 3.1.0\nservers: [{{url: '{SERVER}'}}]\n"
    path.write_text(head + "paths: {/x: {get: &get {operationId: x}}, /y: {get: *get}}")
    assert [tool.name for tool in OpenApi(path).known] == ["x", "x_2"]
    path.write_text(head + BOMB)
    with pytest.raises(SpentError, match="aliases written out"):
        OpenApi(path)


async def test_a_document_is_read_no_further_when_its_request_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = Budget(10**15)
    monkeypatch.setattr(toolbox, "Budget", lambda: endless)
    async with served(json.dumps(document(FIRST, components=doubling(200, **READ_ONLY)))) as url:
        asking = asyncio.create_task(OpenApi(f"{url}/api.json", options=allowed(url)).tools(RunContext()))
        while endless.spent < 10_000:
            await asyncio.wait([asking], timeout=0.01)
        asking.cancel()
        await asyncio.wait([asking], timeout=30)
        await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 30)
        at = endless.spent
    assert asking.cancelled()
    assert endless.spent == at


async def test_the_loop_goes_on_while_a_document_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolbox, "Budget", lambda: Budget(20_000))
    async with served(json.dumps(document(FIRST, components=doubling(60, **READ_ONLY)))) as url:
        asking = asyncio.create_task(OpenApi(f"{url}/api.json", options=allowed(url)).tools(RunContext()))
        held, turns = 0.0, 0
        while not asking.done():
            began = time.thread_time()
            await asyncio.sleep(0)
            held, turns = max(held, time.thread_time() - began), turns + 1
        with pytest.raises(ToolError, match="more than 20,000"):
            await asking
    assert turns > 10
    assert held < 0.05
