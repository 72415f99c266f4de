"""Kept runs in every protocol over HTTP: whoever leaves comes back in their own way, at any server of the store."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.agent.scripted import Batches, Scripted, calls, says
from tests.dialects.wires import WIRES, Wire
from tests.server.serving import Served, serving, until
from tests.server.test_kept_runs import ALICE, BOB, KEYS, slow
from tests.server.test_stores import setting
from tests.stores import Place
from turnstream import Agent
from turnstream.events import Finish, ReasoningDelta, TextDelta

WIRE = {wire.name: wire for wire in WIRES}
GO_ON = {"x_on_disconnect": "go_on"}


def talker() -> Scripted:
    """Thinks, calls a tool, and answers in pieces."""
    thought: Batches = [[ReasoningDelta("Hm. "), TextDelta("I "), TextDelta("look.")], *calls(("look", '{"a":1}'))]
    return Scripted(thought, [[TextDelta("One ")], [TextDelta("two.")], [Finish("stop", "stop")]])


def split(stream: str) -> list[str]:
    return [f"{frame}\n\n" for frame in stream.split("\n\n") if frame]


async def ask(served: Served, wire: Wire, **headers: str) -> tuple[str, str]:
    """The run's id and its whole stream."""
    _, got, stream = await served.post(wire.body, wire.path, **GO_ON, **wire.headers, **headers)
    assert isinstance(stream, str), stream
    return got["x-run-id"], stream


async def leave(served: Served, wire: Wire, **headers: str) -> str:
    """Begin a kept run and go when it has said its first word; the run's id."""
    names = {"x-on-disconnect": "go_on", **wire.headers, **headers}
    async with served.client.post(served.url + wire.path, data=json.dumps(wire.body), headers=names) as response:
        await until(response.content, b"first")
        return response.headers["x-run-id"]


def two(model: Any) -> tuple[Agent, Agent]:
    return Agent(model, name="a", max_steps=4), Agent(model, name="a", max_steps=4)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
async def test_every_wire_is_resumed_at_every_frame_byte_by_byte_at_another_server(
    wire: Wire, postgres_url: str
) -> None:
    """Row 25."""
    url = await postgres.new_database(postgres_url)
    agents = two(talker())
    async with serving(agents[0], store=url) as one, serving(agents[1], store=url) as other:
        run_id, stream = await ask(one, wire)
        frames = split(stream)
        for after in range(len(frames) + 1):
            _, _, rest = await other.get(f"/v1/runs/{run_id}/stream?after={after}")
            assert rest == "".join(frames[after:])


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
async def test_a_run_goes_on_without_its_client_on_every_wire(wire: Wire, tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with serving(Agent(slow(gate, "first", "last"), name="a"), store=f"sqlite:{tmp_path}/s.db") as served:
        run_id = await leave(served, wire)
        gate.set()
        _, _, stream = await served.get(f"/v1/runs/{run_id}/stream")
    assert "first" in stream
    assert "last" in stream


async def test_use_chat_reconnects_while_its_chat_is_answered_and_not_later(postgres_url: str) -> None:
    url, gate = await postgres.new_database(postgres_url), asyncio.Event()
    agents = two(slow(gate, "first", "last"))
    async with serving(agents[0], store=url) as one, serving(agents[1], store=url) as other:
        run_id = await leave(one, WIRE["vercel"])
        async with other.client.get(f"{other.url}/vercel/a/t/stream") as again:
            assert again.headers["x-vercel-ai-ui-message-stream"] == "v1"
            seen = await until(again.content, b"first")
            gate.set()
            seen += await again.content.read()
        assert seen.decode() == (await one.get(f"/v1/runs/{run_id}/stream"))[2]
        async with other.client.get(f"{other.url}/vercel/a/t/stream") as nothing:
            assert nothing.status == 204


async def test_an_ag_ui_front_end_connects_to_the_run_of_its_thread(postgres_url: str) -> None:
    url, gate = await postgres.new_database(postgres_url), asyncio.Event()
    agents = two(slow(gate, "first", "last"))
    wire = WIRE["ag_ui"]
    body = {**wire.body, "runId": "another", "messages": []}
    async with serving(agents[0], store=url) as one, serving(agents[1], store=url) as other:
        run_id = await leave(one, wire)
        async with other.client.post(f"{other.url}{wire.path}/connect", json=body) as again:
            seen = await until(again.content, b"first")
            gate.set()
            seen += await again.content.read()
        assert seen.decode() == (await one.get(f"/v1/runs/{run_id}/stream"))[2]
        _, _, later = await other.post(body, f"{wire.path}/connect")
        assert [json.loads(frame[6:])["type"] for frame in split(later)] == ["RUN_STARTED", "RUN_FINISHED"]


def rpc(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 9, "method": method, "params": params}


@pytest.mark.parametrize("method", ["tasks/resubscribe", "SubscribeToTask"])
async def test_an_a2a_task_is_subscribed_to_again_at_another_server(postgres_url: str, method: str) -> None:
    url, gate = await postgres.new_database(postgres_url), asyncio.Event()
    agents = two(slow(gate, "first", "last"))
    async with serving(agents[0], store=url) as one, serving(agents[1], store=url) as other:
        id = await leave(one, WIRE["a2a"])
        async with other.client.post(f"{other.url}/a2a/a", json=rpc(method, id=id)) as again:
            seen = await until(again.content, b"first")
            gate.set()
            seen += await again.content.read()
        results = [json.loads(frame[6:])["result"] for frame in split(seen.decode())]
        task = results[0].get("task", results[0])
        assert (task["id"], task["artifacts"][0]["parts"][0]["text"]) == (id, "first")
        assert b"last" in seen
        _, _, ended = await one.post(rpc(method, id=id), "/a2a/a")
        assert ended["error"]["code"] == -32004


async def test_a_task_that_nobody_waits_for_is_asked_for_until_it_has_ended(place: Place) -> None:
    gate = asyncio.Event()
    async with serving(Agent(slow(gate, "first", "last"), name="a"), store=setting(place)) as served:
        message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "Go."}]}
        sent = rpc("SendMessage", message=message, configuration={"returnImmediately": True})
        _, _, answer = await served.post(sent, "/a2a/a")
        task = answer["result"]["task"]
        assert task["status"]["state"] in ("TASK_STATE_SUBMITTED", "TASK_STATE_WORKING")
        gate.set()
        await served.get(f"/v1/runs/{task['id']}/events")
        _, _, found = await served.post(rpc("GetTask", id=task["id"]), "/a2a/a")
    assert found["result"]["status"]["state"] == "TASK_STATE_COMPLETED"
    assert found["result"]["artifacts"][0]["parts"][0]["text"] == "firstlast"


async def test_a_kept_task_is_shown_and_cancelled_while_it_goes_on(place: Place) -> None:
    async with serving(Agent(slow(asyncio.Event(), "first"), name="a"), store=setting(place)) as served:
        id = await leave(served, WIRE["a2a"])
        _, _, found = await served.post(rpc("GetTask", id=id), "/a2a/a")
        assert found["result"]["status"]["state"] == "TASK_STATE_WORKING"
        assert found["result"]["artifacts"][0]["parts"][0]["text"] == "first"
        await served.post(rpc("CancelTask", id=id), "/a2a/a")
        await served.get(f"/v1/runs/{id}/events")
        _, _, found = await served.post(rpc("GetTask", id=id), "/a2a/a")
    assert found["result"]["status"]["state"] == "TASK_STATE_CANCELED"


async def listed(served: Served, **params: Any) -> dict[str, Any]:
    _, _, answer = await served.post(rpc("ListTasks", **params), "/a2a/a")
    result: dict[str, Any] = answer["result"]
    return result


@pytest.mark.parametrize("store", ["sqlite", "postgres", "memory"])
async def test_tasks_are_listed_page_by_page_and_filtered(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where = f"sqlite:{tmp_path}/s.db" if store == "sqlite" else store
    if store == "postgres":
        where = await postgres.new_database(request.getfixturevalue("postgres_url"))
    async with serving(Agent(Scripted(says("hello")), name="a"), store=where) as served:
        for context in ("t", "t", "u"):
            message = {"messageId": "m", "role": "ROLE_USER", "contextId": context, "parts": [{"text": "Go."}]}
            await served.post(rpc("SendMessage", message=message), "/a2a/a")
        await served.post({"messages": [{"role": "user", "content": "hi"}], "user": "x"}, x_thread_id="t")
        first = await listed(served, pageSize=2)
        assert (len(first["tasks"]), first["pageSize"], first["totalSize"]) == (2, 2, 3)
        rest = await listed(served, pageSize=2, pageToken=first["nextPageToken"], includeArtifacts=True)
        assert (len(rest["tasks"]), rest["nextPageToken"], "artifacts" in rest["tasks"][0]) == (1, "", True)
        tasks = [*first["tasks"], *rest["tasks"]]
        times = [task["status"]["timestamp"] for task in tasks]
        assert (times, len({task["id"] for task in tasks})) == (sorted(times, reverse=True), 3)
        assert [task["contextId"] for task in (await listed(served, contextId="u"))["tasks"]] == ["u"]
        assert (await listed(served, status="TASK_STATE_FAILED"))["totalSize"] == 0
        assert (await listed(served, status="TASK_STATE_COMPLETED"))["totalSize"] == 3
        assert (await listed(served, statusTimestampAfter="2100-01-01T00:00:00Z"))["totalSize"] == 0
        assert "artifacts" not in first["tasks"][0]


async def test_a_task_that_has_not_ended_is_listed_too() -> None:
    async with serving(Agent(slow(asyncio.Event(), "first"), name="a"), store="memory") as served:
        wire = WIRE["a2a"]
        async with served.client.post(served.url + wire.path, json=wire.body) as response:
            await until(response.content, b"first")
            found = await listed(served, status="TASK_STATE_WORKING")
    assert (found["totalSize"], found["tasks"][0]["contextId"]) == (1, "c")


async def test_nobody_comes_back_to_another_principals_run(place: Place) -> None:
    """Row 24."""
    gate = asyncio.Event()
    async with serving(Agent(slow(gate, "first", "x"), name="a"), store=setting(place), keys=KEYS) as served:
        vercel = await leave(served, WIRE["vercel"], **ALICE)
        task = await leave(served, WIRE["a2a"], **ALICE)
        async with served.client.get(f"{served.url}/vercel/a/t/stream", headers=BOB) as nothing:
            assert nothing.status == 204
        assert (await served.get(f"/v1/runs/{vercel}/stream", **BOB))[0] == 404
        for method in ("SubscribeToTask", "GetTask", "CancelTask"):
            assert (await served.post(rpc(method, id=task), "/a2a/a", **BOB))[2]["error"]["code"] == -32001
        assert (await served.post(rpc("ListTasks"), "/a2a/a", **BOB))[2]["result"]["totalSize"] == 0
        assert (await served.get(f"/v1/runs/{task}", **ALICE))[2]["status"] == "running"
        gate.set()


async def test_the_same_key_twice_gives_the_same_bytes(place: Place) -> None:
    async with serving(Agent(talker(), name="a", max_steps=4), store=setting(place)) as served:
        first = await ask(served, WIRE["openai_chat"], idempotency_key="k")
        assert await ask(served, WIRE["openai_chat"], idempotency_key="k") == first


async def test_a_word_that_nobody_knows_is_refused_and_so_is_one_that_nothing_keeps() -> None:
    async with serving(Agent(Scripted(says("hello")), name="a"), store="memory") as served:
        wrong, _, body = await served.post(x_on_disconnect="stay")
        refused, _, why = await served.post(x_on_disconnect="go_on")
        assert (wrong, body["error"]["param"], refused, why["error"]["code"]) == (
            400,
            "X-On-Disconnect",
            501,
            "runs_not_kept",
        )
        assert (await served.post(x_on_disconnect="cancel"))[0] == 200
