"""A server takes a new configuration while it runs, and what is under way keeps its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.request import urlopen

import aiohttp
import pytest

from tests.agent.scripted import Scripted, says
from tests.cli.test_serve import running
from tests.server.serving import CHAT, STREAM, Served, eventually, text, until
from tests.server.test_stores import setting
from tests.stores import Place
from turnstream import Agent, errors, identity
from turnstream.config import load
from turnstream.events import Finish, ModelRequest, SystemMessage, TextDelta
from turnstream.providers.demo import model as demo
from turnstream.server import run
from turnstream.service import ServerSettings, Service

KEYS = (identity.Key("root-key-1", "root", scopes=frozenset({"runs", "admin"})), identity.Key("ann-key-1", "ann"))
ROOT, ANN = {"authorization": "Bearer root-key-1"}, {"authorization": "Bearer ann-key-1"}


def service(*agents: Agent, **settings: Any) -> Service:
    return Service({agent.name: agent for agent in agents}, ServerSettings(**{"port": 0, "keys": KEYS, **settings}))


@asynccontextmanager
async def serving(first: Service, again: Callable[[], Service] | None = None) -> AsyncIterator[Served]:
    server = run.server(first, load=again)
    with run.listen(first.settings) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(60), aiohttp.ClientSession(headers=ROOT) as client:
                yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", server, client)
        finally:
            server.should_exit = True
            await asyncio.wait_for(task, 10)


async def reload(served: Served, **headers: str) -> tuple[int, Any]:
    status, _, told = await served.post({}, "/admin/reload", **headers)
    return status, told


async def models(served: Served, **headers: str) -> list[str]:
    _, _, told = await served.get("/v1/models", **headers)
    return [model["id"] for model in told["data"]]


async def test_what_is_new_answers_and_what_is_gone_does_not() -> None:
    new = service(Agent(Scripted(says("new")), name="new"))
    async with serving(service(Agent(Scripted(says("old")), name="old")), lambda: new) as served:
        assert await models(served) == ["old"]
        assert await reload(served) == (200, {"object": "reload", "reloaded": True, "needs_restart": []})
        assert await models(served) == ["new"]


async def test_a_configuration_that_is_wrong_changes_nothing_and_says_why() -> None:
    def wrong() -> Service:
        raise errors.ConfigurationError("agent.yaml:1: model: is missing")

    async with serving(service(Agent(Scripted(says("old")), name="old")), wrong) as served:
        status, told = await reload(served)
        assert status == 422
        assert "agent.yaml:1: model: is missing" in told["error"]["message"]
        assert await models(served) == ["old"]


async def test_an_agent_that_cannot_be_opened_changes_nothing() -> None:
    class Broken(Scripted):
        async def __aenter__(self) -> None:
            raise errors.ConfigurationError("its server is away")

        async def __aexit__(self, *error: object) -> None:
            return None

    new = service(Agent(Broken(says("new")), name="new"))
    async with serving(service(Agent(Scripted(says("old")), name="old")), lambda: new) as served:
        assert (await reload(served))[0] == 422
        assert await models(served) == ["old"]


async def test_a_stream_that_has_begun_is_finished_by_the_agent_that_began_it() -> None:
    gate, closed = asyncio.Event(), asyncio.Event()

    class Owned(Scripted):
        async def __aenter__(self) -> None:
            return None

        async def __aexit__(self, *error: object) -> None:
            closed.set()

    old = Owned([[TextDelta("old ")], gate, [TextDelta("words"), Finish("stop", "stop")]])
    new = service(Agent(Scripted(says("new")), name="a"))
    async with serving(service(Agent(old, name="a")), lambda: new) as served:
        async with served.client.post(served.url + CHAT, json=STREAM) as response:
            begun = await until(response.content, b"old ")
            assert (await reload(served))[0] == 200
            assert not closed.is_set()
            assert text((await served.post(STREAM))[2]) == "new"
            gate.set()
            assert text((begun + await response.content.read()).decode()) == "old words"
        await eventually(closed.is_set)


@pytest.mark.parametrize("headers", [ANN, {"authorization": "Bearer wrong"}])
async def test_an_ordinary_key_does_not_reload(headers: dict[str, str]) -> None:
    asked: list[int] = []
    async with serving(
        service(Agent(Scripted(says("old")), name="old")),
        lambda: asked.append(1) or service(),  # type: ignore[func-returns-value]
    ) as served:
        assert (await reload(served, **headers))[0] in (401, 403)
        assert asked == []


async def test_without_keys_nobody_reloads_over_http() -> None:
    first = service(Agent(Scripted(says("old")), name="old"), keys=())
    async with serving(first, lambda: first) as served:
        assert (await reload(served))[0] == 403


async def test_a_server_that_was_started_from_python_says_that_there_is_nothing_to_load() -> None:
    async with serving(service(Agent(Scripted(says("old")), name="old"))) as served:
        status, told = await reload(served)
        assert (status, told["error"]["code"]) == (409, "nothing_to_reload")


async def test_keys_that_are_gone_open_nothing_any_more() -> None:
    new = service(Agent(Scripted(says("new")), name="new"), keys=KEYS[:1])
    async with serving(service(Agent(Scripted(says("old")), name="old")), lambda: new) as served:
        assert (await served.get("/v1/models", **ANN))[0] == 200
        await reload(served)
        assert (await served.get("/v1/models", **ANN))[0] == 401


async def test_what_only_a_restart_changes_is_named_and_stays(caplog: pytest.LogCaptureFixture) -> None:
    agent = Agent(Scripted(says("old")), name="old")
    new = service(agent, max_connections=7, shutdown_grace=1.0, max_runs=5)
    async with serving(service(agent), lambda: new) as served:
        assert (await reload(served))[1]["needs_restart"] == ["max_connections", "shutdown_grace"]
        assert [record.message for record in caplog.records if "only a restart" in record.message] == [
            "only a restart changes max_connections, shutdown_grace"
        ]


# ------------------------------------------------------------------------------------------- runs keep their version

ASKS = {"input": "hi", "background": True, "tools": [{"type": "function", "function": {"name": "ask"}}]}


def configured(folder: Path, store: str, instructions: str) -> Service:
    """An agent of a file, whose model follows a script."""
    file = folder / "agent.yaml"
    file.write_text(f"name: a\nmodel: demo\ninstructions: {instructions}\n")
    found = load(file, {})
    found.settings = ServerSettings(port=0, keys=KEYS, store=store)
    return found


async def waiting_run(served: Served) -> str:
    status, _, told = await served.post({**ASKS, "input": "Please call ask"}, "/v1/runs")
    assert status == 202, told
    return str(told["id"])


async def test_a_run_that_waits_goes_on_as_it_was_configured_also_after_a_restart(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 27."""
    store = setting(place)
    seen: list[str] = []
    original = demo.Model.stream

    def recorded(self: demo.Model, request: ModelRequest, context: Any = None) -> Any:
        assert isinstance(request.messages[0], SystemMessage)
        seen.append(str(request.messages[0].content))
        return original(self, request, context)

    monkeypatch.setattr(demo.Model, "stream", recorded)
    first = configured(tmp_path, store, "old")
    async with serving(first, lambda: configured(tmp_path, store, "new")) as served:
        run_id = await waiting_run(served)
        state = await waited(served, run_id)
        assert (await reload(served))[0] == 200
    async with serving(configured(tmp_path, store, "newest")) as served:
        call = state["waiting"]["tool_calls"][0]["id"]
        results = {"results": [{"tool_call_id": call, "output": "yes"}]}
        assert (await served.post(results, f"/v1/runs/{run_id}/answer"))[0] == 200
        await served.get(f"/v1/runs/{run_id}/events")
    assert seen == ["old", "old"]


async def waited(served: Served, run_id: str) -> dict[str, Any]:
    while True:
        _, _, state = await served.get(f"/v1/runs/{run_id}")
        if state["status"] == "waiting":
            return dict(state)
        assert state["status"] in ("queued", "running"), state
        await asyncio.sleep(0.01)


# ------------------------------------------------------------------------------------------------------ the process


@contextmanager
def log_of(process: subprocess.Popen[str]) -> Iterator[Callable[[str], None]]:
    """Waits for a line of the log that has these words."""
    lines: Queue[str] = Queue()
    assert process.stderr is not None
    stderr = process.stderr

    def read() -> None:
        for line in stderr:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()

    def wait(words: str) -> None:
        while words not in lines.get(timeout=30):
            pass

    yield wait


@pytest.mark.timeout(90)
def test_sighup_loads_the_file_anew_and_ends_nothing(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    (tmp_path / ".env").write_text("AGENT=first\n")
    file.write_text("name: ${AGENT}\nmodel: demo\nserver: {store: none}\n")
    with running("serve", str(file), "--port", "0") as (process, address), log_of(process) as wait:
        for line, told, names in (
            ("AGENT=second\n", "reloaded; agents: second", ["second"]),
            ("AGENT=no good\n", "nothing has changed", ["second"]),
        ):
            (tmp_path / ".env").write_text(line)
            process.send_signal(signal.SIGHUP)
            wait(told)
            with urlopen(f"{address}/v1/models", timeout=20) as answer:
                assert [model["id"] for model in json.load(answer)["data"]] == names
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
