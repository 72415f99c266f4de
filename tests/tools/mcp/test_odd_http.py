"""Servers behind HTTP that answer otherwise than the specification has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from tests.tools.mcp.servers import call, tool_names
from tests.tools.web import serving
from turnstream.events import ToolError
from turnstream.tools.mcp import Http, McpServer

OK = {"content": [{"type": "text", "text": "ok"}]}
Respond = Callable[[Any, int], web.Response]


class Server:
    """Answers calls of ``tool`` by ``respond``, which gets the request's id and how many calls came before. ``calls``
    counts them, ``sessions`` those that began."""

    def __init__(self, respond: Respond, annotations: dict[str, Any] | None = None) -> None:
        self.respond, self.annotations = respond, annotations or {}
        self.calls = self.sessions = 0

    async def handle(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405)
        message = json.loads(await request.read())
        id = message.get("id")
        match message["method"]:
            case "initialize":
                self.sessions += 1
                version = message["params"]["protocolVersion"]
                result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "odd"}}
                return answer(id, result=result, headers={"mcp-session-id": f"s{self.sessions}"})
            case "tools/list":
                tool = {"name": "tool", "inputSchema": {"type": "object"}, "annotations": self.annotations}
                return answer(id, result={"tools": [tool]})
            case "tools/call":
                self.calls += 1
                return self.respond(id, self.calls - 1)
            case method if method.startswith("notifications/"):
                return web.Response(status=202)
            case _:
                return answer(id, error={"code": -32601, "message": "no such method"})


def answer(id: Any, status: int = 200, headers: dict[str, str] | None = None, **member: Any) -> web.Response:
    return web.json_response({"jsonrpc": "2.0", "id": id, **member}, status=status, headers=headers)


async def said(server: Server) -> str:
    async with serving(server.handle) as url, McpServer("odd", Http(f"{url}/mcp")) as box:
        await tool_names(box)
        try:
            return str((await call(box, "tool")).content)
        except ToolError as error:
            return error.message


def lost_once(lost: Respond) -> Respond:
    return lambda id, before: answer(id, result=OK) if before else lost(id, before)


@pytest.mark.parametrize(
    "lost",
    [
        lambda id, _: web.Response(status=404),
        lambda id, _: web.Response(status=410),
        lambda id, _: web.Response(status=400, text="Bad Request: Server not initialized"),
        lambda id, _: answer(None, 400, error={"code": -32000, "message": "Bad Request: Server not initialized"}),
        lambda id, _: answer(None, error={"code": -32001, "message": "Session not found"}),
        lambda id, _: answer(id, error={"code": -32001, "message": "Session not found"}),
        lambda id, _: answer(id, 400, error={"code": -32600, "message": "Session not found"}),
        lambda id, _: web.json_response({"error": "Session expired"}, status=400),
        lambda id, _: web.Response(
            text=f'data: {{"jsonrpc":"2.0","id":{id},"error":{{"code":-32001,"message":"Session not found"}}}}\n\n',
            content_type="text/event-stream",
        ),
    ],
)
async def test_a_lost_session_is_replaced_and_the_refused_call_repeated(lost: Respond) -> None:
    server = Server(lost_once(lost))
    assert await said(server) == "ok"
    assert (server.calls, server.sessions) == (2, 2)


@pytest.mark.parametrize("status", [200, 400])
async def test_an_error_that_only_has_the_word_is_an_answer(status: int) -> None:
    error = {"code": -32602, "message": "session_name is required"}
    server = Server(lambda id, _: answer(id, status, error=error))
    assert await said(server) == "The MCP server odd answered: session_name is required"
    assert server.calls == 1


@pytest.mark.parametrize(
    ("respond", "sentence"),
    [
        (lambda id, _: answer(None, error={"code": -32700, "message": "Parse error"}), "answered: Parse error"),
        (lambda id, _: answer(99, result=OK), "ok"),
        (lambda id, _: web.json_response([{"id": id, "result": OK}]), "ok"),
        (lambda id, _: web.Response(text=json.dumps({"id": id, "result": OK}), content_type="text/plain"), "ok"),
        (
            lambda id, _: web.Response(text='\ufeffdata: {"id":1,"result":' + json.dumps(OK) + "}\n\n",
                                       content_type="text/event-stream"),
            "ok",
        ),
        (
            lambda id, _: web.Response(
                text='{"id": 1, "result": {"content": [{"type": "text", "text": "caf\\ud83d"}]}}',
                content_type="application/json",
            ),
            "caf\ufffd",
        ),
        (lambda id, _: web.Response(text="{oops", content_type="application/json"), "not valid JSON. It may have"),
        (lambda id, _: web.Response(status=500), "answered with status 500. It may have executed the call."),
        (lambda id, _: web.Response(status=413), "answered with status 413."),
        (lambda id, _: web.Response(status=403), "it refuses the credentials."),
        (lambda id, _: web.Response(status=503), "answered with status 503. It may have executed the call."),
    ],
)  # fmt: skip
async def test_an_answer_is_told_at_once_as_what_it_is(respond: Respond, sentence: str) -> None:
    told = await said(Server(respond))
    assert sentence in told
    assert "pydantic" not in told
    assert ("may have" in told) == ("may have" in sentence)


@pytest.mark.parametrize(("annotations", "calls"), [({"readOnlyHint": True}, 2), ({}, 1)])
async def test_a_busy_server_is_asked_again_where_that_does_no_harm(annotations: dict[str, Any], calls: int) -> None:
    busy = web.Response(status=429, headers={"Retry-After": "0"})
    server = Server(lambda id, before: answer(id, result=OK) if before else busy, annotations)
    assert ("ok" in await said(server)) == (calls == 2)
    assert server.calls == calls
