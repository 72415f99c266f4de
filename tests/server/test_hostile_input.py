"""Requests that are made to cost much: none of them holds the loop for more than 50 ms, and none needs a key."""

from __future__ import annotations

import time

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import ASK, CHAT, Served, serving
from tests.server.test_connection import all_of, connected
from turnstream.agent import Agent

CARD = "/.well-known/agent-card.json"
LONG = 200_000
LONG_URL = 60_000  # longer ones are refused by the parser


def head(line: str, *fields: str) -> bytes:
    return "\r\n".join((line, "host: x", "connection: close", *fields, "", "")).encode()


HOSTILE = {
    "a query of many fields": head(f"GET {CARD}?{'&' * LONG_URL} HTTP/1.1"),
    "a query of many pairs": head(f"GET {CARD}?{'a=b&' * (LONG_URL // 4)} HTTP/1.1"),
    "a query of many escapes": head(f"GET {CARD}?a={'%41' * (LONG_URL // 3)} HTTP/1.1"),
    "a long path": head(f"GET /{'a' * LONG_URL} HTTP/1.1"),
    "a path of slashes": head(f"GET {'/' * LONG_URL}nowhere HTTP/1.1"),
    "a path of escapes": head(f"GET /{'%2e' * (LONG_URL // 3)} HTTP/1.1"),
    "a path of segments": head(f"GET {'/a2a' * (LONG_URL // 4)}/.well-known/agent-card.json HTTP/1.1"),
    "a long host": head(f"GET {CARD} HTTP/1.1").replace(b"host: x", b"host: " + b"a." * (LONG // 2)),
    "a long origin": head(f"POST {CHAT} HTTP/1.1", f"origin: http://{'[' * LONG}"),
    "a long key": head(f"POST {CHAT} HTTP/1.1", f"authorization: Bearer {'k ' * (LONG // 2)}"),
    "a long request id": head(f"GET {CARD} HTTP/1.1", f"x-request-id: {'a' * LONG}"),
    "a long list of a preflight": head(
        f"OPTIONS {CHAT} HTTP/1.1",
        "origin: https://app.example",
        "access-control-request-method: POST",
        f"access-control-request-headers: {'a,' * (LONG // 2)}",
    ),
    "a body of tiny chunks": head(f"POST {CHAT} HTTP/1.1", "transfer-encoding: chunked", "x-api-key: k")
    + b"1\r\n \r\n" * (LONG // 6)
    + b"0\r\n\r\n",
}


async def cost(served: Served, data: bytes) -> tuple[float, bytes]:
    """Seconds of CPU, and the answer."""
    async with connected(served) as (reader, writer):
        began = time.process_time()
        writer.write(data)
        answer = await all_of(reader)
        return time.process_time() - began, answer


@pytest.mark.parametrize("keys", [(), ("k",)], ids=["open", "keys"])
@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_request_costs_next_to_nothing(name: str, keys: tuple[str, ...]) -> None:
    agent = Agent(Scripted(says("hello")))
    async with serving(agent, keys=keys, cors_origins=("https://app.example",)) as served:
        tries = [await cost(served, HOSTILE[name]) for _ in range(3)]  # what else the process does only adds to it
        assert min(used for used, _ in tries) < 0.05
        for _, answer in tries:
            assert answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4"))
        assert (await served.post(ASK, x_api_key="k"))[0] == 200
