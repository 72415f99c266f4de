"""Calls that may be made twice are tried again; users' functions see what is sent and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from tests.tools.web import allowed, serving
from turnstream.events import RunContext, ToolCall, ToolError, ToolOutput
from turnstream.tools.hooks import Hooks
from turnstream.tools.http_client import HttpOptions, Request, Response
from turnstream.tools.rest import rest

CONTEXT = RunContext(run_id="run", tool_call_id="call", user="ann")


def quick(url: str, **more: Any) -> HttpOptions:
    return replace(allowed(url), pause=0.001, **more)


async def called(url: str, *, options: HttpOptions | None = None, **more: Any) -> ToolOutput:
    async with rest("tool", url, options=options or quick(url), **more) as box:
        return await box.call(ToolCall("1", "tool", "{}"), CONTEXT)


class Server:
    """Fails so many times, in this way, and then answers."""

    def __init__(self, times: int, fail: Callable[[web.Request], web.Response]) -> None:
        self.left, self.fail, self.asked = times, fail, 0

    async def handle(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.left:
            self.left -= 1
            return self.fail(request)
        return web.json_response({"seen": {name.lower(): value for name, value in request.headers.items()}})


def status(number: int) -> Callable[[web.Request], web.Response]:
    return lambda request: web.Response(status=number)


def broken(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize("fail", [status(500), status(502), status(503), status(504), status(429), broken])
async def test_a_call_that_may_be_made_twice_is_tried_again(fail: Callable[[web.Request], web.Response]) -> None:
    server = Server(2, fail)
    async with serving(server.handle) as url:
        assert not (await called(url)).is_error
    assert server.asked == 3


@pytest.mark.parametrize(
    ("more", "number", "asked"),
    [
        ({"method": "POST"}, 500, 1),
        ({"method": "POST", "effect": "idempotent"}, 500, 3),
        ({"method": "PUT"}, 500, 3),
        ({"effect": "once"}, 500, 1),
        ({}, 404, 1),
        ({}, 501, 1),
    ],
)
async def test_what_would_do_harm_or_no_good_is_not_tried_again(more: dict[str, Any], number: int, asked: int) -> None:
    server = Server(9, status(number))
    async with serving(server.handle) as url:
        assert (await called(url, **more)).content == f"127.0.0.1 answered with status {number}."
    assert server.asked == asked


async def test_the_number_of_tries_is_the_operators() -> None:
    server = Server(9, status(500))
    async with serving(server.handle) as url:
        await called(url, options=quick(url, retries=0))
        assert server.asked == 1
        await called(url, options=quick(url, retries=4))
        assert server.asked == 6


async def test_a_connection_that_stays_broken_is_told() -> None:
    server = Server(9, broken)
    async with serving(server.handle) as url:
        with pytest.raises(ToolError, match="The connection to 127\\.0\\.0\\.1 broke"):
            await called(url)
    assert server.asked >= 3  # the HTTP library itself asks a second time on a connection that it had


async def sign(request: Request, context: RunContext) -> Request:
    return replace(request, headers={**request.headers, "X-Signed-For": context.user or ""})


def unwrap(response: Response, context: RunContext) -> Any:
    return json.loads(response.body)["seen"]["x-signed-for"]


def nothing(given: Any, context: RunContext) -> None:
    return None


def refuse(given: Any, context: RunContext) -> Any:
    raise ToolError("Not on Sundays.")


def fail(given: Any, context: RunContext) -> Any:
    raise ValueError("secret")


async def test_hooks_see_each_request_and_each_answer() -> None:
    server = Server(0, broken)
    async with serving(server.handle) as url:
        assert (await called(url, hooks=Hooks(sign, unwrap))).content == "ann"
        assert "x-signed-for" not in str((await called(url, hooks=Hooks(nothing, nothing))).content)


@pytest.mark.parametrize(
    ("hooks", "sentence", "asked"),
    [
        (Hooks(refuse), r"^Not on Sundays\.$", 0),
        (Hooks(fail), r"^The request was not sent: its hook failed with ValueError\.$", 0),
        (Hooks(response=fail), r"^The call was made, and the hook for its answer failed with ValueError\.$", 1),
        (Hooks(lambda request, context: "no"), r"^The request was not sent: its hook failed\.$", 0),
    ],
)
async def test_a_hook_that_fails_is_told_without_its_reason(hooks: Hooks, sentence: str, asked: int) -> None:
    server = Server(0, broken)
    async with serving(server.handle) as url:
        with pytest.raises(ToolError, match=sentence):
            await called(url, hooks=hooks)
    assert server.asked == asked


async def test_a_hook_cannot_send_a_request_to_where_none_may_go() -> None:
    server = Server(0, broken)
    async with serving(server.handle) as url:
        elsewhere = Hooks(lambda request, context: replace(request, url="http://127.0.0.2:1/"))
        with pytest.raises(ToolError, match=r"127\.0\.0\.2 is not a public address"):
            await called(url, hooks=elsewhere)
