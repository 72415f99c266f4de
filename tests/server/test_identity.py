"""Who asks, over a socket: what a request shows, twice shows, or shows no more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import Served, serving
from turnstream.agent import Agent
from turnstream.identity import Key, directory, records
from turnstream.identity.files import KeyFile

KEYS = (Key("a-key", "alice"), Key("b-key", "bob"), Key("a-new-key", "alice"), Key("late", "carol", expires_at=1.0))


def agent() -> Agent:
    return Agent(Scripted(says("hello")))


async def ask(served: Served, *fields: str) -> int:
    """The status of a request with these header fields, written as they are."""
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = ["GET /v1/models HTTP/1.1", "Host: localhost", "Connection: close", *fields, "", ""]
    writer.write("\r\n".join(head).encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["Authorization: Bearer a-key"], 200),
        (["AUTHORIZATION: bEARER   a-key  "], 200),
        (["authorization: Bearer a-key", "Authorization: Bearer a-key"], 200),
        (["Authorization: Bearer a-key", "Authorization: Bearer b-key"], 401),
        (["Authorization: Bearer wrong", "Authorization: Bearer a-key"], 401),
        (["X-API-Key: a-key", "x-api-key: wrong"], 401),
        (["X-API-Key: a-key", "Authorization: Bearer wrong"], 200),
        (["X-API-Key: a-key", "Authorization: Bearer a-new-key"], 200),
        (["X-API-Key: a-key", "Authorization: Bearer b-key"], 401),
        (["X_API_Key: a-key"], 401),
        (["X-API-Key: late"], 401),
        (["X-API-Key: A-KEY"], 401),
        (["X-API-Key: a-key\tb"], 401),
        (["X-API-Key: " + "a" * 100_000], 401),
        (["Authorization: Bearer a-key, Bearer b-key"], 401),
        (["Authorization: Basic YS1rZXk6"], 401),
    ],
    ids=range(16),
)
async def test_a_request_is_one_principals_or_nobodys(fields: list[str], status: int) -> None:
    async with serving(agent(), keys=KEYS) as served:
        assert await ask(served, *fields) == status


async def test_a_revoked_key_opens_nothing_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "EVERY", 0.02)
    file = KeyFile(tmp_path / "keys.json")
    key, record = records.make("alice", 1.0)
    await file.add(record)

    async def answers(served: Served, status: int) -> None:
        while await ask(served, f"X-API-Key: {key}") != status:
            pass

    async with serving(agent(), keys_file=file.path) as served:
        assert await ask(served, f"X-API-Key: {key}") == 200
        await file.revoke("alice", 2.0)
        await asyncio.wait_for(answers(served, 401), 20)
    assert (await file.list_records())[0][1] is not None, "and when it was used last is known"


async def test_a_server_whose_last_key_was_revoked_stays_closed(tmp_path: Path) -> None:
    async with serving(agent(), keys_file=tmp_path / "keys.json") as served:
        assert await ask(served) == 401
