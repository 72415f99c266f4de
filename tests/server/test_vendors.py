"""The whole pipe over two real sockets: a client, the server, and a vendor that misbehaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.server.serving import ASK, CHAT, STREAM, events, serving, text, until
from turnstream import providers
from turnstream.agent import Agent
from turnstream.server import direct

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FIRST = b'data: {"id":"u","choices":[{"index":0,"delta":{"role":"assistant","content":"Half"}}]}\n\n'


@asynccontextmanager
async def vendor(handler: Handler) -> AsyncIterator[Agent]:
    """An agent whose model is that handler."""
    application = web.Application()
    application.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        timeouts = {"connect": 2.0, "first_token": 1.0, "idle": 1.0}
        model = providers.model("openai-compatible:m", base_url=url, api_key="secret-key", timeouts=timeouts, retries=0)
        yield Agent(model, run_timeout=20)
    finally:
        await runner.cleanup()


def says(body: bytes, content_type: str = "text/event-stream", status: int = 200) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers={"content-type": content_type})

    return handler


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def half_and_silence(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    await response.write(FIRST)
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    "handler",
    [
        says(b"<html><body>Bad gateway of secret-host</body></html>", "text/html"),
        says(b"<html><body>Bad gateway of secret-host</body></html>", "text/html", 502),
        says(b""),
        says(b'{"error":{"message":"secret-host is down"}}', "application/json", 500),
        never,
    ],
    ids=["html", "html-502", "nothing", "500", "never"],
)
async def test_a_vendor_that_does_not_answer_is_an_http_error_in_time(handler: Handler) -> None:
    async with vendor(handler) as agent, serving(agent) as served:
        for body in (STREAM, ASK):
            status, _, answer = await served.post(body)
            assert status in {502, 503, 504}
            assert set(answer["error"]) == {"message", "type", "param", "code"}
            assert "secret" not in str(answer)


@pytest.mark.parametrize("handler", [says(FIRST), half_and_silence], ids=["cut off", "silent"])
async def test_half_a_stream_is_never_a_whole_answer(handler: Handler) -> None:
    async with vendor(handler) as agent, serving(agent) as served:
        status, _, body = await served.post(STREAM)
        assert (status, text(body)) == (200, "Half")
        assert "error" in events(body)[-1]
        assert "[DONE]" not in body
        status, _, answer = await served.post(ASK)
        assert (status // 100, set(answer)) == (5, {"error"})


async def test_a_client_that_leaves_closes_the_vendors_connection_at_once() -> None:
    closed = asyncio.Event()

    async def watched(request: web.Request) -> web.StreamResponse:
        try:
            return await half_and_silence(request)
        finally:
            closed.set()

    async with vendor(watched) as agent, serving(agent) as served:
        response = await served.client.post(served.url + CHAT, json=STREAM)
        await until(response.content, b"Half")
        left = time.monotonic()
        response.close()
        await asyncio.wait_for(closed.wait(), 10)
        assert time.monotonic() - left < 0.2


async def in_pieces(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for number in range(50):
        await response.write(b'data: {"choices":[{"index":0,"delta":{"content":"%d "}}]}\n\n' % number)
        await asyncio.sleep(0)
    await response.write(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    return response


async def test_text_is_written_within_the_read_that_brought_it(monkeypatch: pytest.MonkeyPatch) -> None:
    direct_writes: list[bool] = []
    give = direct.Writer.give

    def note(writer: direct.Writer[Any], batch: Any) -> bool:
        direct_writes.append(give(writer, batch))
        return direct_writes[-1]

    monkeypatch.setattr(direct.Writer, "give", note)
    async with vendor(in_pieces) as agent, serving(agent) as served:
        _, _, body = await served.post(STREAM)
    assert text(body) == "".join(f"{number} " for number in range(50))
    assert any(direct_writes)
    monkeypatch.setattr(direct, "writer", lambda send, encode, fail: None)
    async with vendor(in_pieces) as agent, serving(agent) as served:
        assert text((await served.post(STREAM))[2]) == text(body)
