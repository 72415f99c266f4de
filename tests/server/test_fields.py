"""Thousands of header fields: refused before anything looks through them, on every route, behind every middleware."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import ASK, CHAT, Served, serving
from tests.server.test_connection import all_of, connected
from turnstream.agent import Agent
from turnstream.server import app
from turnstream.service import ServerSettings, Service

CARD = "/.well-known/agent-card.json"
ORIGIN = "https://app.example"


@asynccontextmanager
async def served(**settings: object) -> AsyncIterator[Served]:
    async with serving(Agent(Scripted(says("hello"))), **settings) as one:
        yield one


def head(path: str, fields: int, method: str = "GET", *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: x", *more, *(f"{number:x}:" for number in range(fields))]
    return "\r\n".join((*lines, "", "")).encode()


@pytest.mark.parametrize("settings", [{}, {"keys": ("k",), "cors_origins": (ORIGIN,)}], ids=["open", "with keys"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", CARD), ("GET", "/v1/models"), ("POST", CHAT), ("OPTIONS", CHAT), ("GET", "/nowhere"), ("GET", "/healthz")],
)
async def test_38_000_fields_are_refused_within_50_ms(method: str, path: str, settings: dict[str, object]) -> None:
    data = head(path, 38_000, method, f"origin: {ORIGIN}", "access-control-request-method: POST")
    async with served(**settings) as server, connected(server) as (reader, writer):
        began = time.process_time()
        writer.write(data)
        answer = await all_of(reader)
        used = time.process_time() - began
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"more than 128 header fields" in answer
    assert used < 0.05, used


@pytest.mark.parametrize(("fields", "status"), [(120, b"200"), (128, b"431")])
async def test_128_fields_are_the_most(fields: int, status: bytes) -> None:
    async with served() as server, connected(server) as (reader, writer):
        writer.write(head("/v1/models", fields, "GET", "connection: close"))
        assert (await all_of(reader)).startswith(b"HTTP/1.1 " + status)


async def test_fields_behind_a_body_do_not_pile_up() -> None:
    trailers = head("", 30_000).partition(b"host: x\r\n")[2]
    start = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n".encode()
    async with served() as server, connected(server) as (reader, writer):
        writer.write(start + trailers)
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 4")
        assert (await server.post(ASK))[0] == 200


async def test_any_server_of_the_application_is_safe_from_them() -> None:
    """Other servers give the application all fields."""
    sent: list[int] = []

    async def receive() -> dict[str, object]:
        raise AssertionError("a refusal needs no body")

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            sent.append(int(str(message["status"])))

    fields = [(b"%x" % number, b"") for number in range(38_000)]
    scope = {"type": "http", "method": "GET", "path": CARD, "query_string": b"", "headers": fields}
    application = app(Service({"agent": Agent(Scripted())}, ServerSettings(keys=("k",), cors_origins=(ORIGIN,))))
    began = time.process_time()
    await application(scope, receive, send)  # type: ignore[arg-type]  # a narrower form of the message
    assert (sent, time.process_time() - began < 0.05) == ([431], True)


async def test_a_card_is_given_without_a_look_at_the_body() -> None:
    async with served(keys=("k",)) as server, connected(server) as (reader, writer):
        writer.write(head(CARD, 0, "GET", "content-length: 8000000"))
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 200 ")


async def test_the_first_of_two_fields_counts() -> None:
    async with served() as server, connected(server) as (reader, writer):
        body = b'{"messages":[{"role":"user","content":"hi"}]}'
        fields = ("x-thread-id: first", "x-thread-id: second", f"content-length: {len(body)}", "connection: close")
        writer.write(head(CHAT, 0, "POST", *fields) + body)
        assert b'"thread_id":"first"' in await all_of(reader)
