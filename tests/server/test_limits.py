"""What a server holds at a time has bounds: connections, bodies, runs, and what waits for slow readers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import ASK, CHAT, STREAM, Served, eventually, serving
from tests.server.test_answers import Fountain, raw_post
from tests.server.test_connection import all_of, connected, request
from turnstream.agent import Agent
from turnstream.events import Finish, TextDelta
from turnstream.identity import Key

LONG = "x" * 16_000_000  # more than the system's buffers of a connection take


def hello(name: str = "agent") -> Agent:
    return Agent(Scripted(says("hello")), name=name)


async def works(served: Served) -> None:
    assert (await served.post(ASK))[0] == 200


# ------------------------------------------------------------------------------------------------- clients that stay


@pytest.mark.parametrize("body", [STREAM, ASK], ids=["stream", "whole"])
async def test_clients_that_never_read_leave_nothing_behind(body: dict[str, Any]) -> None:
    model = Fountain() if body is STREAM else Scripted([[TextDelta(LONG), Finish("stop")]])
    async with serving(Agent(model, max_answer=None), send_timeout=0.2, heartbeat=0.1) as served:
        clients = [await raw_post(served.url, body, receive_buffer=4096) for _ in range(3)]
        for reader, _ in clients:
            assert b" 200 " in await reader.readline()
        await eventually(lambda: not served.server.server_state.connections and not served.server.state.runs.live)
        for _, writer in clients:
            writer.transport.abort()


async def test_beyond_the_bytes_held_the_slowest_reader_is_left() -> None:
    async with serving(Agent(Fountain(), max_answer=None), max_held=1_000_000) as served:
        streams = [await raw_post(served.url, STREAM, receive_buffer=4096) for _ in range(20)]
        connections = served.server.server_state.connections
        await eventually(lambda: 0 < len(connections) < 20)
        await works_in_time(served)
        for _, writer in streams:
            writer.transport.abort()


async def works_in_time(served: Served) -> None:
    async with asyncio.timeout(5):
        assert (await served.get("/healthz"))[0] == 200


# -------------------------------------------------------------------------------------------------------- how many


async def test_too_many_connections_are_refused() -> None:
    async with serving(hello(), max_connections=2) as served, connected(served), connected(served):
        await eventually(lambda: len(served.server.server_state.connections) == 2)
        async with connected(served) as (reader, _):
            answer = await all_of(reader)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"server_busy" in answer


async def test_a_connection_that_has_gone_makes_room() -> None:
    async with serving(hello(), max_connections=1) as served:
        async with connected(served):
            await eventually(lambda: len(served.server.server_state.connections) == 1)
        await eventually(lambda: not served.server.server_state.connections)
        await works(served)


async def test_too_many_runs_are_refused() -> None:
    model = Scripted([asyncio.Event()])
    async with serving(Agent(model), max_runs=1) as served:
        asking = asyncio.create_task(served.post(STREAM))
        await eventually(lambda: model.open == 1)
        status, headers, answer = await served.post(ASK)
        assert (status, answer["error"]["code"], headers["retry-after"]) == (503, "server_busy", "5")
        asking.cancel()


async def test_one_principal_cannot_take_the_place_of_another() -> None:
    model = Scripted([[TextDelta("x")], asyncio.Event()])
    keys = (Key("one", "greedy"), Key("two", "modest"))
    async with serving(Agent(model), hello("helper"), max_runs=3, max_runs_each=2, keys=keys) as served:
        greedy = [asyncio.create_task(served.post(STREAM, x_api_key="one")) for _ in range(2)]
        await eventually(lambda: model.open == 2)
        for _ in range(5):
            status, headers, answer = await served.post(ASK, x_api_key="one")
            assert (status, answer["error"]["code"]) == (429, "rate_limit_exceeded")
            assert headers["retry-after"] == "1"
        assert (await served.post({**ASK, "model": "helper"}, x_api_key="two"))[0] == 200
        for asking in greedy:
            asking.cancel()
        await eventually(lambda: not served.server.state.runs.live)
        assert (await served.post({**ASK, "model": "helper"}, x_api_key="one"))[0] == 200


async def test_bodies_that_are_too_much_together_are_refused() -> None:
    half = json.dumps({**ASK, "metadata": {"x": "x" * 60_000}}).encode()
    start = b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n" % CHAT.encode() + half
    async with serving(hello(), max_bodies=100_000) as served:
        async with connected(served) as (_, writer):
            writer.write(start)
            await eventually(lambda: served.server.state.bodies.used > 0)
            status, headers, answer = await served.post(half)
            assert (status, answer["error"]["code"], headers["retry-after"]) == (503, "server_busy", "5")
        await eventually(lambda: served.server.state.bodies.used == 0)
        assert (await served.post(half))[0] == 200


async def test_a_body_counts_until_its_request_is_answered() -> None:
    model = Scripted([asyncio.Event()])
    async with serving(Agent(model)) as served:
        asking = asyncio.create_task(served.post(STREAM))
        await eventually(lambda: model.open == 1)
        assert served.server.state.bodies.used == len(json.dumps(STREAM))
        asking.cancel()
        await eventually(lambda: served.server.state.bodies.used == 0)


async def test_who_leaves_ends_the_run_that_is_answered_whatever_else_waits_behind_it() -> None:
    model = Scripted([asyncio.Event()])
    async with serving(Agent(model)) as served:
        async with connected(served) as (_, writer):
            writer.write(request() * 3)
            await eventually(lambda: model.open == 1)
        await eventually(lambda: model.open == 0)


async def test_a_flood_of_requests_in_one_piece_ends_its_connection() -> None:
    model = Scripted([asyncio.Event()])
    async with serving(Agent(model)) as served, connected(served) as (reader, writer):
        writer.write(request() * 500)
        assert await all_of(reader) == b""
        await eventually(lambda: not served.server.server_state.connections and model.open == 0)
