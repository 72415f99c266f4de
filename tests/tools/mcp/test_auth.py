"""A server of the official SDK that lets nobody in without credentials, and one that gives tokens, on one port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

import pytest
import uvicorn
from mcp.server.mcpserver import Context, MCPServer

from tests.tools.mcp.servers import SECONDS, call, tool_names
from turnstream.config import load
from turnstream.events import RunContext, ToolError
from turnstream.tools.mcp import McpServer

Kind = Literal["streamable-http", "sse"]


class Locked:
    """Opens for headers in ``good``. Tokens that it gives are ``Bearer token-1``, ``-2``, … and are good."""

    def __init__(self, kind: Kind) -> None:
        server = MCPServer("locked", log_level="ERROR")
        server.tool()(caller)
        self.app: Any = server.sse_app() if kind == "sse" else server.streamable_http_app()
        self.good: set[str] = set()
        self.asked: list[dict[str, str]] = []
        self.gives_tokens = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/token":
            body = (await receive())["body"].decode()
            return await _answer(send, 200 if self.gives_tokens else 400, self._token(body))
        headers = {name.decode(): value.decode() for name, value in scope.get("headers", ())}
        if scope["type"] == "http" and headers.get("authorization") not in self.good:
            return await _answer(send, 401, b"{}")
        await self.app(scope, receive, send)
        return None

    def _token(self, body: str) -> bytes:
        self.asked.append(dict(parse_qsl(body)))
        self.good.add(f"Bearer token-{len(self.asked)}")
        return b'{"access_token": "token-%d", "expires_in": 3600}' % len(self.asked)


async def caller(context: Context[Any]) -> str:
    """Who calls."""
    return str(dict(context.headers or {})["authorization"])


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(locked: Locked) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(locked, log_level="error", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await asyncio.wait_for(task, SECONDS)


def configured(folder: Path, kind: Kind, url: str, more: str) -> McpServer:
    path = "sse" if kind == "sse" else "mcp"
    (folder / "agent.yaml").write_text(
        f"model: demo\ntools: [{{mcp: {{name: locked, url: '{url}/{path}', transport: {kind}, {more}}}}}]"
    )
    (agent,) = load(folder / "agent.yaml").agents.values()
    (box,) = agent.toolboxes
    assert isinstance(box, McpServer)
    return box


def oauth2(url: str) -> str:
    return f"auth: {{oauth2: {{token_url: '{url}/token', client_id: i, client_secret: s, scope: tools}}}}"


@pytest.mark.parametrize("kind", ["streamable-http", "sse"])
async def test_one_token_serves_all_calls_and_is_renewed_once_when_it_is_refused(tmp_path: Path, kind: Kind) -> None:
    locked = Locked(kind)
    async with serving(locked) as url, configured(tmp_path, kind, url, oauth2(url)) as box:

        async def many() -> list[Any]:
            return [one.content for one in await asyncio.gather(*(call(box, "caller") for _ in range(10)))]

        first = await many()
        assert locked.asked == [{"grant_type": "client_credentials", "scope": "tools"}]
        locked.good.clear()
        second = await many()
    assert len(locked.asked) == 2
    if kind == "streamable-http":  # over SSE a call is told the headers with which the stream was opened
        assert (first, second) == (["Bearer token-1"] * 10, ["Bearer token-2"] * 10)


async def test_without_a_token_the_reason_is_told_and_no_secret(tmp_path: Path) -> None:
    locked = Locked("streamable-http")
    locked.gives_tokens = False
    async with serving(locked) as url, configured(tmp_path, "streamable-http", url, oauth2(url)) as box:
        with pytest.raises(ToolError) as caught:
            await tool_names(box)
    assert caught.value.message == (
        "The MCP server locked is not available: could not get an access token: the token server answered 400."
    )


async def test_a_fixed_key_is_sent_but_not_in_place_of_a_users_own(tmp_path: Path) -> None:
    locked = Locked("streamable-http")
    locked.good = {"Basic dTpw", "Bearer ann"}
    more = "auth: {basic: {username: u, password: p}}, forward_headers: [Authorization]"
    async with serving(locked) as url, configured(tmp_path, "streamable-http", url, more) as box:
        assert (await call(box, "caller")).content == "Basic dTpw"
        ann = RunContext(headers={"authorization": "Bearer ann"})
        assert (await call(box, "caller", context=ann)).content == "Bearer ann"


async def test_what_stays_refused_is_not_tried_for_ever(tmp_path: Path) -> None:
    locked = Locked("streamable-http")
    async with serving(locked) as url, configured(tmp_path, "streamable-http", url, "auth: {bearer: wrong}") as box:
        with pytest.raises(ToolError, match="it refuses the credentials"):
            await tool_names(box)
