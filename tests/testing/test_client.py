from __future__ import annotations

import asyncio
from typing import Any

import pytest

from turnstream import server
from turnstream.agent import Agent
from turnstream.service import Service
from turnstream.testing import ScriptedModel, streaming_client

Scope = Any


def headers(**values: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]


async def echo(scope: Scope, receive: Any, send: Any) -> None:
    """Answers with what it was asked."""
    assert scope["type"] == "http"
    message = await receive()
    await send({"type": "http.response.start", "status": 201, "headers": headers(X_Method=scope["method"])})
    known = dict(scope["headers"])
    parts = [scope["path"].encode(), scope["query_string"], known.get(b"x-key", b""), known.get(b"content-type", b"")]
    await send({"type": "http.response.body", "body": b"|".join([*parts, message["body"]])})


class Pieces:
    """Sends a number of pieces and counts those that were sent; hears its client leave."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count = count
        self.error = error
        self.sent = 0
        self.left = False

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan here")
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(self.count):
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
            self.sent += 1
        if self.error is not None:
            raise self.error
        self.left = (await receive())["type"] == "http.disconnect"


async def test_a_request_is_what_a_server_would_pass_on() -> None:
    async with streaming_client(echo, headers={"X-Key": "k"}) as client:
        async with client.post("/a%20b?c=d", {"e": "é"}) as response:
            assert response.status == 201
            assert response.headers == {"x-method": "POST"}
            assert await response.read() == '/a b|c=d|k|application/json|{"e": "é"}'.encode()
        async with client.get("/", headers={"X-Key": "own"}) as response:
            assert await response.read() == b"/||own||"
        async with client.post("/", content=b"\xff") as response:
            assert (await response.read()).endswith(b"|\xff")


async def test_the_first_piece_is_there_before_the_application_ends_and_it_hears_the_client_leave() -> None:
    app = Pieces(1)
    async with streaming_client(app) as client:
        async with client.get("/") as response:
            assert await response.__anext__() == b"data: 0\n\n"
            assert not app.left
        assert app.left


async def test_the_application_waits_for_a_slow_reader() -> None:
    app = Pieces(100)
    async with streaming_client(app) as client, client.get("/") as response:
        await response.__anext__()
        for _ in range(20):
            await asyncio.sleep(0)
        assert app.sent <= 3


async def test_what_is_sent_to_a_client_that_left_is_dropped() -> None:
    app = Pieces(100)
    async with streaming_client(app) as client, client.get("/"):
        pass
    assert app.sent == 100


async def test_events_are_read_and_then_the_failure_of_the_application() -> None:
    app = Pieces(3, RuntimeError("torn"))
    async with streaming_client(app) as client, client.get("/") as response:
        events = response.events()
        assert [(await anext(events)).data for _ in range(3)] == [b"0", b"1", b"2"]
        with pytest.raises(RuntimeError, match="torn"):
            await anext(events)


async def test_an_exception_that_was_not_read_is_raised_when_the_client_leaves() -> None:
    async with streaming_client(Pieces(0, RuntimeError("unseen"))) as client:
        with pytest.raises(RuntimeError, match="unseen"):
            async with client.get("/"):
                pass


async def test_an_application_that_fails_before_its_response_is_seen() -> None:
    async def broken(scope: Scope, receive: Any, send: Any) -> None:
        raise KeyError("broken")

    async with streaming_client(broken) as client:
        with pytest.raises(KeyError, match="broken"):
            async with client.get("/"):
                pass


async def test_an_application_that_does_not_answer_or_does_not_end_is_a_timeout() -> None:
    async def silent(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.Event().wait()

    async def endless(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200})
            await asyncio.Event().wait()

    for app in (silent, endless):
        async with streaming_client(app, timeout=0.05) as client:
            with pytest.raises(TimeoutError):
                async with client.get("/"):
                    pass


async def test_the_application_is_started_and_shut_down() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["name"] = "ann"
            for _ in range(2):
                seen.append((await receive())["type"])
                await send({"type": f"{seen[-1]}.complete"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": scope["state"]["name"].encode()})

    async with streaming_client(app) as client, client.get("/") as response:
        assert await response.read() == b"ann"
    assert seen == ["lifespan.startup", "lifespan.shutdown"]


async def test_a_failed_start_is_raised() -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no key"})

    with pytest.raises(RuntimeError, match="startup failed: no key"):
        async with streaming_client(app):
            pass


async def test_a_fastapi_application_is_served() -> None:
    from fastapi import FastAPI

    app = FastAPI()

    @app.post("/add")
    async def add(numbers: list[int]) -> int:
        return sum(numbers)

    async with streaming_client(app) as client, client.post("/add", [1, 2]) as response:
        assert await response.json() == 3


async def test_leaving_a_turnstream_server_closes_its_model() -> None:
    model = ScriptedModel([["one two", asyncio.Event()]])
    request = {"stream": True, "messages": [{"role": "user", "content": "hi"}]}
    async with streaming_client(server.app(Service({"a": Agent(model)}))) as client:
        async with client.post("/v1/chat/completions", request) as response:
            async for piece in response:
                if b"two" in piece:
                    break
            assert model.open == 1
        assert model.open == 0
