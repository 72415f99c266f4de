"""What comes over a client's socket before it is a request, and what does not come."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import ASK, CHAT, STREAM, Served, eventually, serving
from turnstream.agent import Agent
from turnstream.events import Finish, TextDelta
from turnstream.server import connection, run

BODY = json.dumps(ASK).encode()


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def all_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""


def request(body: Any = ASK, *more: str) -> bytes:
    data = json.dumps(body).encode()
    lines = (f"POST {CHAT} HTTP/1.1", "host: x", f"content-length: {len(data)}", *more, "\r\n")
    return "\r\n".join(lines).encode() + data


def agent() -> Agent:
    return Agent(Scripted(says("hello")))


@pytest.mark.parametrize(
    "said",
    [
        b"HELLO\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["text", "tls", "negative length", "two lengths"],
)
async def test_what_is_no_http_is_refused_in_the_envelope(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with serving(agent()) as served, connected(served) as (reader, writer):
        writer.write(said)
        head, _, body = (await all_of(reader)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert json.loads(body)["error"]["code"] == "invalid_http"
        assert (await served.post(ASK))[0] == 200
        assert caplog.text.count("refused a connection: 400 invalid_http, The request is not valid HTTP.") == 1
        assert 'requests_refused_total{code="invalid_http"' not in (await served.get("/metrics"))[2]
        async with connected(served) as (again, more):
            more.write(said)
            await all_of(again)
        assert 'requests_refused_total{code="invalid_http",status="400"} 1.0' in (await served.get("/metrics"))[2]


@pytest.mark.parametrize(
    ("said", "asked_before"),
    [(b"", False), (b"\r\n", False), (b"POST /v1/chat", False), (b"\r\n", True), (b"POST /v1/chat", True)],
)
async def test_a_client_that_never_sends_its_head_is_left(
    said: bytes, asked_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_TIMEOUT", 0.2)
    async with serving(agent()) as served, connected(served) as (reader, writer):
        if asked_before:
            writer.write(request())
            await asyncio.wait_for(reader.readuntil(b'"usage"'), 10)
        writer.write(said)
        assert b"HTTP/" not in await all_of(reader)


@pytest.mark.parametrize("error", [None, RuntimeError("broken"), asyncio.CancelledError()])
async def test_for_an_application_without_an_answer_there_is_one(error: BaseException | None) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if error is not None:
            raise error

    async with serving(agent()) as served:
        assert (await served.get("/healthz"))[0] == 200  # it has begun
        served.server.config.loaded_app = app
        async with connected(served) as (reader, writer):
            writer.write(request())
            assert b" 500 " in await all_of(reader)
        assert not served.server.server_state.tasks


async def test_a_connection_that_rests_for_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "KEEP_ALIVE", 0.2)
    async with serving(agent()) as served, connected(served) as (reader, writer):
        for _ in range(2):
            writer.write(request())
            assert b" 200 " in await reader.readline()
            await asyncio.wait_for(reader.readuntil(b'"usage"'), 10)
        await all_of(reader)
        assert reader.at_eof()


async def test_the_clock_of_the_head_does_not_run_while_an_answer_is_given() -> None:
    go_on = asyncio.Event()
    model = Scripted([go_on, [TextDelta("late"), Finish("stop")]])
    async with serving(Agent(model)) as served, connected(served) as (reader, writer):
        writer.write(request())
        await eventually(lambda: bool(model.requests))
        (one,) = served.server.server_state.connections
        assert isinstance(one, connection.Connection)
        assert not one._timer.is_set()
        go_on.set()
        assert b" 200 " in await reader.readline()


@pytest.mark.parametrize(
    "start",
    [b"GET /healthz HTTP/1.1\r\nx: ", b"GET /", request()[:-40].replace(b"content-length: ", b"x: ") + b"x: "],
    ids=["header", "path", "another header"],
)
async def test_a_head_without_end_is_cut_off(start: bytes) -> None:
    async with serving(agent()) as served, connected(served) as (reader, writer):
        writer.write(start)
        try:
            for _ in range(100):
                writer.write(b"y" * 10_000)
                await writer.drain()
        except ConnectionError:
            pass
        answer = await all_of(reader)
        assert not answer or b" 431 " in answer
        assert (await served.post(ASK))[0] == 200


async def test_requests_sent_together_are_answered_in_order() -> None:
    async with serving(agent()) as served, connected(served) as (reader, writer):
        writer.write(request() * 3 + request({"messages": []}, "connection: close"))
        answer = await all_of(reader)
        assert [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]] == [200, 200, 200, 400]


async def test_garbage_behind_a_request_is_never_mixed_into_its_stream() -> None:
    async with serving(agent()) as served, connected(served) as (reader, writer):
        writer.write(request(STREAM) + b"GARBAGE\r\n\r\n")
        assert b"invalid_http" not in await all_of(reader)
        assert (await served.post(ASK))[0] == 200


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS", "TRACE", "PATCH"])
async def test_a_method_that_is_not_there_is_refused(method: str) -> None:
    async with serving(agent()) as served, served.client.request(method, served.url + CHAT) as response:
        assert (response.status, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"\x1f\x8b"),
        ("gzip", b"{}"),
        ("gzip", gzip.compress(BODY, mtime=0)[:-3]),
        ("deflate", b""),
        ("br", b"\x1f\x8b"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("gzip, gzip", b"\x1f\x8b"),
    ],
)
async def test_a_compressed_body_that_cannot_be_read_is_refused_by_name(coding: str, body: bytes) -> None:
    async with serving(agent()) as served:
        status, _, answer = await served.post(body, content_encoding=coding)
        assert (status, answer["error"]["code"]) == (415, "unsupported_content_encoding")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY[:9], mtime=0) + gzip.compress(BODY[9:], mtime=0)),
        ("Deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
        ("identity", BODY),
    ],
)
async def test_a_compressed_body_is_the_body_that_it_becomes(coding: str, body: bytes) -> None:
    async with serving(agent()) as served:
        assert (await served.post(body, content_encoding=coding))[0] == 200


@pytest.mark.parametrize("size", [1000, 100_000_000])
async def test_a_compressed_body_is_as_large_as_it_becomes(size: int) -> None:
    async with serving(agent(), max_body=999) as served:
        status, _, answer = await served.post(gzip.compress(b" " * size), content_encoding="gzip")
        assert (status, answer["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
        (b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /healthz\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"GET /healthz HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
    ],
)
async def test_the_rules_of_rfc_9112_hold(said: bytes, status: int) -> None:
    async with serving(agent()) as served, connected(served) as (reader, writer):
        writer.write(said)
        answer = await all_of(reader)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("body", [STREAM, ASK])
async def test_an_http_1_0_client_gets_a_body_without_chunks(body: dict[str, Any]) -> None:
    async with serving(agent()) as served, connected(served) as (reader, writer):
        writer.write(request(body).replace(b"HTTP/1.1", b"HTTP/1.0"))
        head, _, answer = (await all_of(reader)).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert answer.startswith(b"data: {" if body is STREAM else b"{")
    assert answer.endswith(b"data: [DONE]\n\n" if body is STREAM else b"}")
