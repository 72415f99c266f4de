from __future__ import annotations

import asyncio

import pytest

from tests.server.serving import serving
from turnstream import Agent, errors, protocols
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
