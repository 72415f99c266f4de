"""Calls that a server runs as tasks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from tests.tools.mcp.servers import SECONDS, call, heard, tool_names
from tests.tools.web import serving
from turnstream.events import ToolError
from turnstream.tools.mcp import Http, McpServer

CAN: dict[str, Any] = {"tools": {}, "tasks": {"requests": {"tools": {"call": {}}}, "cancel": {}}}
DONE = {"content": [{"type": "text", "text": "an hour later"}]}


class Server:
    """Works for three questions; forgets its session before the second, if it ``forgets``."""

    def __init__(self, status: str = "completed", *, forgets: bool = False, forever: bool = False) -> None:
        self.status, self.forgets, self.forever = status, forgets, forever
        self.heard: list[str] = []
        self.sessions = self.questions = 0
        self.cancelled = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405)
        message = json.loads(await request.read())
        if "id" not in message:
            return web.Response(status=202)
        self.heard.append(message["method"])
        try:
            member = {"result": self.result(message["method"], message.get("params") or {})}
        except LookupError:
            return web.Response(status=404)
        except ValueError as error:
            member = {"error": {"code": -32602, "message": str(error)}}
        headers = {"mcp-session-id": f"s{self.sessions}"} if message["method"] == "initialize" else {}
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], **member}, headers=headers)

    def result(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        task = {"taskId": "t1", "status": "working", "createdAt": "", "lastUpdatedAt": "", "ttl": None}
        match method:
            case "initialize":
                self.sessions += 1
                info = {"name": "tasks", "version": "1"}
                return {"protocolVersion": "2025-11-25", "capabilities": CAN, "serverInfo": info}
            case "tools/list":
                execution = {"taskSupport": "required"}
                return {"tools": [{"name": "slow", "inputSchema": {"type": "object"}, "execution": execution}]}
            case "tools/call":
                assert params["task"]["ttl"] > 0
                return {"task": {**task, "pollInterval": 1}}
            case "tasks/get":
                self.questions += 1
                if self.forgets and self.questions == 2:
                    raise LookupError
                over = self.questions >= 3 and not self.forever
                return {**task, "status": self.status if over else "working", "statusMessage": f"{self.questions}"}
            case "tasks/result" if self.status == "completed":
                return DONE
            case "tasks/cancel":
                self.cancelled.set()
                return {**task, "status": "cancelled"}
            case _:
                raise ValueError("no such task")


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_task_is_asked_after_until_it_ends_also_on_another_session(forgets: bool) -> None:
    server, said = Server(forgets=forgets), list[tuple[str, float | None]]()
    async with serving(server.handle) as url, McpServer("tasks", Http(url)) as box:
        await tool_names(box)
        assert (await call(box, "slow", context=heard(said))).content == "an hour later"
    assert server.heard.count("tools/call") == 1
    assert server.sessions == (2 if forgets else 1)
    assert said[0] == ("1", None)


async def test_a_task_that_failed_is_told() -> None:
    server = Server("failed")
    async with serving(server.handle) as url, McpServer("tasks", Http(url)) as box:
        with pytest.raises(ToolError, match="The call failed: 3"):
            await call(box, "slow")


async def test_a_call_that_is_left_cancels_its_task() -> None:
    server = Server(forever=True)
    async with serving(server.handle) as url, McpServer("tasks", Http(url)) as box:
        left = asyncio.create_task(call(box, "slow"))
        async with asyncio.timeout(SECONDS):
            while server.questions < 2:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
            left.cancel()
            await server.cancelled.wait()
