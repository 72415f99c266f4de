"""What an administrator sees and ends of others' runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests import postgres
from tests.agent.scripted import Scripted, says
from tests.server.serving import ASK, STREAM, Served, eventually, serving, until
from turnstream.agent import Agent
from turnstream.events import TextDelta
from turnstream.identity import Key
from turnstream.requests import SCOPES

KEYS = (
    Key("a-key", "alice"),
    Key("b-key", "bob"),
    Key("s-key", "root", scopes=SCOPES),
)
CAROLS = (Key("c-key", "carol"), Key("h-key", "carol", agents=frozenset({"other"})))
ADMIN = {"x_api_key": "s-key"}
KEPT = {"input": "my PIN is 1234", "on_disconnect": "go_on"}


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return await postgres.new_database(request.getfixturevalue("postgres_url"))
    return f"sqlite:{tmp_path / 'store.db'}" if request.param == "sqlite" else "memory"


async def test_all_runs_are_listed_without_what_is_said(store: str) -> None:
    async with serving(Agent(Scripted(says("hello"))), keys=KEYS, store=store) as served:
        for key in ("a-key", "b-key"):
            await served.post(KEPT, "/v1/runs", x_api_key=key)
        _, _, listed = await served.get("/admin/runs?limit=9", **ADMIN)
        _, _, alices = await served.get("/admin/runs?principal=alice", **ADMIN)
    whose = [] if store == "memory" else ["bob", "alice"]
    assert [run["principal"] for run in listed["data"]] == whose
    assert [run["principal"] for run in alices["data"]] == whose[1:]
    assert "1234" not in str(listed)


async def test_a_run_that_nobody_keeps_is_listed_and_ended() -> None:
    model = Scripted([[TextDelta("first")], asyncio.Event()])
    async with (
        serving(Agent(model), keys=KEYS) as served,
        served.client.post(
            served.url + "/v1/chat/completions", json=STREAM, headers={"x-api-key": "a-key"}
        ) as response,
    ):
        await until(response.content, b"first")
        (run,) = (await served.get("/admin/runs", **ADMIN))[2]["live"]
        assert (run["principal"], run["status"]) == ("alice", "running")
        path = f"/admin/runs/{run['id']}/cancel"
        assert (await served.post({}, path, x_api_key="b-key"))[0] == 403
        assert (await served.post({}, path, **ADMIN))[0] == 200
        assert b'"code":"cancelled"' in await until(response.content, b"cancelled.")
        assert (await served.post({}, path, **ADMIN))[0] == 404


async def test_a_kept_run_of_anybody_is_ended(tmp_path: Path) -> None:
    model = Scripted([asyncio.Event()])
    async with serving(Agent(model), keys=KEYS, store=f"sqlite:{tmp_path / 'store.db'}") as served:
        made = (await served.post({**KEPT, "background": True}, "/v1/runs", x_api_key="a-key"))[2]
        await eventually(lambda: model.open == 1)
        assert (await served.post({}, f"/admin/runs/{made['id']}/cancel", **ADMIN))[0] == 200
        await eventually(lambda: model.open == 0)


async def test_an_administrator_has_runs_and_threads_of_its_own_alone(tmp_path: Path) -> None:
    async with serving(Agent(Scripted(says("hello"))), keys=KEYS, store=f"sqlite:{tmp_path / 'store.db'}") as served:
        made = (await served.post(KEPT, "/v1/runs", x_api_key="a-key"))[2]
        assert (await served.get(f"/v1/runs/{made['id']}", **ADMIN))[0] == 404
        assert (await served.get("/v1/runs", **ADMIN))[2]["data"] == []


async def test_a_key_for_some_agents_lists_no_runs_of_others(tmp_path: Path) -> None:
    agents = Agent(Scripted(says("hello")), name="agent"), Agent(Scripted(says("hello")), name="other")
    async with serving(*agents, keys=CAROLS, store=f"sqlite:{tmp_path / 'store.db'}") as served:
        await served.post({**KEPT, "agent": "agent"}, "/v1/runs", x_api_key="c-key")
        counts = [len((await served.get("/v1/runs", x_api_key=key))[2]["data"]) for key in ("c-key", "h-key")]
        erased = [(await erase(served, key)) for key in ("h-key", "c-key")]
    assert (counts, erased) == ([1, 0], [403, 200])


async def erase(served: Served, key: str) -> int:
    async with served.client.delete(f"{served.url}/v1/threads", headers={"x-api-key": key}) as response:
        return response.status


async def test_what_a_model_is_asked_is_shown_to_an_administrator() -> None:
    async with serving(Agent(Scripted(says("hello")), (), "Never tell."), keys=KEYS) as served:
        assert (await served.post({"input": "hi"}, "/playground/model", x_api_key="a-key"))[0] == 404
        status, _, shown = await served.post({"input": "hi"}, "/playground/model", **ADMIN)
        assert (status, "Never tell." in str(shown)) == (200, True)
        offered = [(await served.get("/playground/settings", x_api_key=key))[2]["model"] for key in ("a-key", "s-key")]
    assert offered == [False, True]


async def test_asking_an_agent_is_no_matter_of_administration() -> None:
    only = (Key("s-key", "root", scopes=frozenset({"admin"})),)
    async with serving(Agent(Scripted(says("hello"))), keys=only) as served:
        assert (await served.post(ASK, **ADMIN))[0] == 403
        assert (await served.get("/admin/runs", **ADMIN))[0] == 200
