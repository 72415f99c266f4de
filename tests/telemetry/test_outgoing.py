"""The trace of a run goes along with every request that it sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from tests.scripts import end
from tests.tools.mcp.servers import call as call_mcp
from tests.tools.web import allowed, serving
from tests.upstream import serve as vendor
from turnstream import providers, requests, tracing
from turnstream.errors import ProviderError
from turnstream.events import RunContext, TextDelta, ToolCall, UserMessage
from turnstream.providers.http import HttpModel
from turnstream.tools.mcp import Http, McpServer
from turnstream.tools.rest import rest

RUN = RunContext(run_id="run_1", tool_call_id="call_1")


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    tracing.begin(lambda tool_call: {"traceparent": f"00-of-{tool_call or 'model'}-01"})
    yield
    tracing.end()


async def test_a_trace_goes_along_to_the_model() -> None:
    async with vendor({"m": lambda _: [TextDelta("hi"), *end()]}) as upstream:
        model = providers.model("openai-compatible:m", base_url=upstream.url, api_key=upstream.key)
        assert isinstance(model, HttpModel)
        async with model, model.stream(requests.ModelRequest((UserMessage("hi"),))) as stream:
            assert [batch async for batch in stream]
    assert upstream.headers[0]["traceparent"] == "00-of-model-01"


async def test_a_trace_goes_along_to_the_service_of_an_http_tool() -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"trace": request.headers.get("traceparent")})

    async with serving(echo) as url:
        box = rest("look", url, options=allowed(url))
        async with box:
            output = await box.call(ToolCall("call_1", "look", "{}"), RUN)
    assert output.data == {"trace": "00-of-call_1-01"}


async def test_a_trace_goes_along_to_an_mcp_server_in_the_calls_meta() -> None:
    seen: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405)
        message = json.loads(await request.read())
        if "id" not in message:
            return web.Response(status=202)
        match message["method"]:
            case "initialize":
                version = message["params"]["protocolVersion"]
                result: Any = {
                    "protocolVersion": version,
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "s", "version": "1"},
                }
            case "tools/list":
                result = {"tools": [{"name": "look", "inputSchema": {"type": "object"}}]}
            case "tools/call":
                seen.append(message["params"].get("_meta"))
                result = {"content": [{"type": "text", "text": "ok"}]}
            case _:
                return web.Response(status=404)
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result})

    async with serving(answer) as url, McpServer("s", Http(f"{url}/mcp")) as box:
        await box.tools(RUN)
        await call_mcp(box, "look", context=RUN)
    [meta] = seen
    assert meta["traceparent"] == "00-of-call_1-01"


async def test_nothing_goes_along_where_nobody_traces() -> None:
    tracing.end()
    assert tracing.headers("call_1") == {}


async def test_who_listens_hears_of_each_failure_and_whether_it_is_tried_again() -> None:
    heard: list[tuple[str, str, bool]] = []
    tracing.listen(lambda model, code, retried: heard.append((model, code, retried)))

    async def busy(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "busy"}}, status=503, headers={"retry-after": "0"})

    async with serving(busy) as url:
        model = providers.model("openai-compatible:m", base_url=f"{url}/v1", api_key="k", retries=1)
        assert isinstance(model, HttpModel)
        async with model:
            with pytest.raises(ProviderError):
                async with model.stream(requests.ModelRequest((UserMessage("hi"),))):
                    pass
    assert [(name, retried) for name, _, retried in heard] == [
        ("openai-compatible:m", True),
        ("openai-compatible:m", False),
    ]
