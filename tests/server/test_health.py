from __future__ import annotations

import asyncio

import pytest

from tests.server.serving import eventually, serving
from turnstream import Agent, errors, protocols
from turnstream.identity import Key
from turnstream.testing.models import ScriptedModel
from turnstream.threads.memory import MemoryThreads


async def away(self: MemoryThreads, key: protocols.ThreadKey) -> None:
    raise errors.StoreError("The database is away.")


async def silent(self: MemoryThreads, key: protocols.ThreadKey) -> None:
    await asyncio.Event().wait()


async def test_a_server_that_takes_runs_is_ready() -> None:
    async with serving(Agent(ScriptedModel([]))) as served:
        assert (await served.get("/readyz"))[2] == {"status": "ready"}


@pytest.mark.parametrize("get", [away, silent])
async def test_a_store_that_is_away_is_told_and_the_server_stays(get: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryThreads, "get", get)
    monkeypatch.setattr("turnstream.server.endpoints.health._PATIENCE", 0.05)
    async with serving(Agent(ScriptedModel([]))) as served:
        status, _, body = await served.get("/readyz")
    assert (status, body) == (200, {"status": "ready", "store": "unavailable"})


async def test_a_server_that_drains_is_not_ready() -> None:
    async with serving(Agent(ScriptedModel([]))) as served:
        served.server.state.draining = True
        status, headers, body = await served.get("/readyz")
    assert (status, body) == (503, {"status": "draining"})
    assert headers["retry-after"] == "5"


class Failing(ScriptedModel):
    def __init__(self, name: str) -> None:
        error = errors.ProviderError("busy", retryable=True, retry_after=60, code="rate_limit_exceeded", status=429)
        super().__init__([error] * 3, name=name)


async def test_who_asks_for_more_is_told_what_the_server_has_in_hand() -> None:
    agent = Agent([Failing("first"), ScriptedModel(["hello"], name="second", repeat=True)])
    async with serving(agent, metrics=True) as served:
        await served.post()
        _, _, body = await served.get("/readyz?verbose")
        assert body["models"] == {"first": "open", "second": "closed"}
        assert body["runs"] == {"running": 0, "waiting": 0, "most": 4096}
        assert (body["status"], body["store"], body["connections"]) == ("ready", "available", 1)
        metrics = served.server.state.metrics
        assert metrics is not None
        await eventually(lambda: b'turnstream_breaker_open{model="first"} 1.0' in metrics.expose("")[0])
        shown = metrics.expose("")[0]
    assert b'turnstream_breaker_open{model="second"} 0.0' in shown
    assert b"turnstream_requests_waiting 0.0" in shown
    assert b"turnstream_connections 1.0" in shown


async def test_a_stranger_is_told_no_more_than_whether_it_is_ready() -> None:
    async with serving(Agent(ScriptedModel([])), keys=("one", Key("two", "two", frozenset({"agent"})))) as served:
        for key in ("", "wrong", "two"):
            assert (await served.get("/readyz?verbose", x_api_key=key))[2] == {"status": "ready"}
        assert "models" in (await served.get("/readyz?verbose", x_api_key="one"))[2]
