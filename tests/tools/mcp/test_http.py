from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.tools.mcp.servers import Listening, appears, call, heard, stdio, tool_names
from tests.tools.web import serving
from turnstream.events import ConfigurationError, RunContext, ToolError
from turnstream.tools.mcp import Http, McpServer


@pytest.fixture(params=["http", "sse"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listening]:
    with Listening(request.param, tmp_path) as listening:
        yield listening


def target(server: Listening) -> Http:
    return Http(server.url, "sse" if server.kind == "sse" else "streamable-http", {"X-Service": "s"})


async def test_calls_progress_and_cancellation_over_http(server: Listening) -> None:
    said: list[tuple[str, float | None]] = []
    async with McpServer("real", target(server)) as box:
        assert "echo" in await tool_names(box)
        await call(box, "count", context=heard(said))
        assert said == [("step 1", 0.5), ("step 2", 1.0)]
        slow = asyncio.create_task(call(box, "slow", '{"mark": "a"}'))
        await appears(server.folder / "a.started")
        assert (await call(box, "echo", '{"text": "meanwhile"}')).content == "meanwhile"
        slow.cancel()
        await appears(server.folder / "a.cancelled")


async def test_a_server_killed_in_a_call_fails_the_call_and_serves_again_once_it_is_back(server: Listening) -> None:
    async with McpServer("real", target(server)) as box:
        first = (await call(box, "process")).data["result"]
        slow = asyncio.create_task(call(box, "slow", '{"mark": "a"}'))
        await appears(server.folder / "a.started")
        server.kill()
        with pytest.raises(ToolError, match="The MCP server real"):
            await slow
        with pytest.raises(ToolError, match="The MCP server real is not available: "):
            await call(box, "process")
        assert "echo" in await tool_names(box)  # as it was listed before
        server.start()
        async with asyncio.timeout(20):
            while True:
                try:
                    assert (await call(box, "process")).data["result"] != first
                    break
                except ToolError:
                    await asyncio.sleep(0.05)


async def test_each_user_has_a_connection_and_nothing_but_the_allowed_is_forwarded(server: Listening) -> None:
    box = McpServer(
        "real", target(server), forward_headers=["X-Token"], forward_context={"X-Tenant": "tenant", "X-Bad": "bad"}
    )
    ann = RunContext(headers={"x-token": "ann", "x-other": "o"}, values={"tenant": 7, "bad": "a\r\nX-Evil: 1"})
    bob = RunContext(headers={"x-token": "bob"})
    async with box:
        assert (await call(box, "caller", context=ann)).data == {"x-service": "s", "x-token": "ann", "x-tenant": "7"}
        assert (await call(box, "caller", context=bob)).data == {"x-service": "s", "x-token": "bob"}


async def test_credentials_that_are_refused_are_named_as_the_reason_and_not_shown() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"error": request.headers["authorization"]}, status=401)

    sentence = r"^The MCP server locked is not available: it refuses the credentials\.$"
    async with serving(handler) as url:
        box = McpServer("locked", Http(url, headers={"Authorization": "Bearer sk-secret"}))
        with pytest.raises(ToolError, match=sentence):
            async with box:
                await tool_names(box)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (web.Response(status=503, text="sk-secret"), "it answered with status 503"),
        (web.Response(text="<p>Hello</p>", content_type="text/html"), "it does not answer as an MCP server does"),
        (web.Response(status=307, headers={"Location": "http://127.0.0.1:9/"}), "it answered with status 307"),
    ],
)
@pytest.mark.parametrize("kind", ["streamable-http", "sse"])
async def test_what_is_no_mcp_server_is_told_apart(answer: web.Response, reason: str, kind: Any) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async with serving(handler) as url, McpServer("page", Http(url, kind)) as box:
        with pytest.raises(ToolError, match=rf"^The MCP server page is not available: {reason}\.$"):
            await tool_names(box)


async def test_a_server_that_is_not_there_is_an_error_and_no_hang() -> None:
    async with McpServer("gone", Http("http://127.0.0.1:9/mcp")) as box:
        with pytest.raises(ToolError, match=r"^The MCP server gone is not available: it cannot be reached\.$"):
            await tool_names(box)


def test_headers_can_be_forwarded_over_http_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="HTTP only"):
        McpServer("real", stdio(tmp_path), forward_headers=["authorization"])
