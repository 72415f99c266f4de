"""Kept runs over HTTP: they outlive their client and their server, and are found by whoever started them."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.agent.scripted import Box, Scripted, calls, says
from tests.server.serving import Served, serving, until
from tests.server.test_stores import setting
from tests.stores import Place
from turnstream import Agent, identity
from turnstream.dialects import base, openai_chat
from turnstream.events import Finish, ModelRequest, TextDelta, ToolOutput
from turnstream.tools import wrap

KEYS = (identity.Key("alice-key-1", "alice"), identity.Key("bob-key-1", "bob"))
ALICE, BOB = ({"authorization": f"Bearer {who}-key-1"} for who in ("alice", "bob"))


def slow(gate: asyncio.Event, *texts: str) -> Scripted:
    """A model that says a word, and the rest when the gate is open."""
    first, *rest = texts
    return Scripted([[TextDelta(first)], gate, [*map(TextDelta, rest), Finish("stop", "stop")]])


def frames(stream: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Those that have a number."""
    found = []
    for frame in filter(None, stream.strip().split("\n\n")):
        lines = dict(line.split(": ", 1) for line in frame.split("\n"))
        if "id" in lines:
            found.append((int(lines["id"]), lines["event"], json.loads(lines["data"])))
    return found


async def start(served: Served, *, path: str = "/v1/runs", key: str = "", **body: Any) -> dict[str, Any]:
    headers = {"idempotency-key": key} if key else {}
    status, _, run = await served.post({"input": "hi", "background": True, **body}, path, **headers)
    assert status == 202, run
    assert isinstance(run, dict)
    return run


async def ended(served: Served, run_id: str, **headers: str) -> dict[str, Any]:
    await served.get(f"/v1/runs/{run_id}/events", **headers)
    _, _, run = await served.get(f"/v1/runs/{run_id}", **headers)
    assert isinstance(run, dict)
    return run


async def test_a_run_in_the_background_is_answered_at_once_and_found_later(place: Place) -> None:
    gate = asyncio.Event()
    async with serving(Agent(slow(gate, "a", "b"), name="a"), store=setting(place)) as served:
        run = await start(served, thread="t")
        assert (run["object"], run["status"] in ("queued", "running"), run["thread"]) == ("run", True, "t")
        gate.set()
        run = await ended(served, run["id"])
        assert (run["status"], run["error"], run["usage"] is not None) == ("finished", None, True)


async def test_the_stream_of_a_run_can_be_read_again_from_any_position(place: Place) -> None:
    agent = Agent(Scripted(says("hello")), name="a")
    async with serving(agent, store=setting(place)) as served:
        _, headers, stream = await served.post({"input": "hi", "on_disconnect": "go_on", "stream": True}, "/v1/runs")
        whole = frames(stream)
        assert [seq for seq, _, _ in whole] == list(range(1, len(whole) + 1))
        path = f"/v1/runs/{headers['x-run-id']}/events"
        for after in range(len(whole) + 1):
            assert frames((await served.get(f"{path}?after={after}"))[2]) == whole[after:]
        assert frames((await served.get(path, last_event_id="2"))[2]) == whole[2:]


async def test_a_run_goes_on_when_its_client_leaves(place: Place) -> None:
    gate = asyncio.Event()
    async with serving(Agent(slow(gate, "a", "b"), name="a"), store=setting(place)) as served:
        body = json.dumps({"input": "hi", "on_disconnect": "go_on", "stream": True})
        async with served.client.post(f"{served.url}/v1/runs", data=body) as response:
            await until(response.content, b"event: text")
            run_id = response.headers["x-run-id"]
        gate.set()
        assert (await ended(served, run_id))["status"] == "finished"


async def test_without_that_word_the_run_ends_with_its_client_and_is_not_kept(place: Place) -> None:
    gate = asyncio.Event()
    async with serving(Agent(slow(gate, "a"), name="a"), store=setting(place)) as served:
        body = json.dumps({"input": "hi", "stream": True})
        async with served.client.post(f"{served.url}/v1/runs", data=body) as response:
            await until(response.content, b"event: text")
            run_id = response.headers["x-run-id"]
        assert (await served.get(f"/v1/runs/{run_id}"))[0] == 404


async def test_a_run_goes_on_at_a_server_that_starts_after_the_first_has_stopped(place: Place) -> None:
    """Row 5."""
    first = Scripted(calls(("look", "{}")), [asyncio.Event()])
    async with serving(Agent(first, name="a", max_steps=5), store=setting(place), shutdown_grace=0) as served:
        run = await start(served)
        async with served.client.get(f"{served.url}/v1/runs/{run['id']}/events") as response:
            await until(response.content, b"event: tools_executed")
    second = Scripted(says("done"))
    async with serving(Agent(second, name="a"), store=setting(place)) as served:
        stream = (await served.get(f"/v1/runs/{run['id']}/events"))[2]
    names = [name for _, name, _ in frames(stream)]
    assert (names.count("run.started"), names.count("run.resumed"), names[-1]) == (1, 1, "run.finished")
    assert len(second.requests) == 1


async def test_another_server_shows_the_run_while_it_is_executed(postgres_url: str) -> None:
    url, gate = await postgres.new_database(postgres_url), asyncio.Event()
    agents = (Agent(slow(gate, "a", "b"), name="a") for _ in range(2))
    async with serving(next(agents), store=url) as one, serving(next(agents), store=url) as other:
        run = await start(one)
        async with other.client.get(f"{other.url}/v1/runs/{run['id']}/events") as response:
            await until(response.content, b"event: text")
            gate.set()
            await until(response.content, b"event: run.finished")


async def test_a_rolling_restart_of_two_servers_drops_nothing(postgres_url: str) -> None:
    """Row 5: each is told to stop while it executes runs; a watcher goes from one to the next with its last id."""
    url = await postgres.new_database(postgres_url)
    words = [[TextDelta(f"{number} ")] for number in range(40)]

    def agent() -> Agent:
        return Agent(Paced(words), name="a")

    async with serving(agent(), store=url) as third:
        async with serving(agent(), store=url) as second:
            async with serving(agent(), store=url) as first:
                runs = [(await start(served))["id"] for served in (first, second, third) for _ in range(4)]
                await until_text(first, runs[0])
                first.server.handle_exit(signal.SIGTERM, None)
            second.server.handle_exit(signal.SIGTERM, None)
        logs = [frames((await third.get(f"/v1/runs/{run_id}/events"))[2]) for run_id in runs]
    for log in logs:
        assert [seq for seq, _, _ in log] == list(range(1, len(log) + 1))
        assert log[-1][1] == "run.finished"
        assert valid_text(log) == "".join(f"{number} " for number in range(40))


class Paced(Scripted):
    """Says a word each few milliseconds."""

    def __init__(self, words: list[list[TextDelta]]) -> None:
        super().__init__([])
        self._words = words

    @asynccontextmanager
    async def stream(self, request: ModelRequest, context: object = None) -> AsyncIterator[Any]:
        async def answer() -> AsyncIterator[Any]:
            for word in self._words:
                await asyncio.sleep(0.02)
                yield word
            yield [Finish("stop", "stop")]

        yield answer()


async def until_text(served: Served, run_id: str) -> None:
    async with served.client.get(f"{served.url}/v1/runs/{run_id}/events") as response:
        await until(response.content, b"event: text")


def valid_text(log: list[tuple[int, str, dict[str, Any]]]) -> str:
    void = [(data["void_from"], seq) for seq, name, data in log if name == "run.resumed"]
    texts = [(seq, data["text"]) for seq, name, data in log if name == "text"]
    return "".join(text for seq, text in texts if not any(start <= seq < stop for start, stop in void))


async def test_a_run_is_cancelled_by_its_id_at_another_server(postgres_url: str) -> None:
    """Row 17."""
    url, gate = await postgres.new_database(postgres_url), asyncio.Event()
    model = slow(gate, "a")
    async with serving(Agent(model, name="a"), store=url) as one, serving(Agent(model, name="a"), store=url) as other:
        run = await start(one)
        assert (await other.post({}, f"/v1/runs/{run['id']}/cancel"))[0] == 200
        assert (await ended(other, run["id"]))["status"] == "cancelled"
    assert model.open == 0


async def test_a_key_starts_one_run(place: Place) -> None:
    async with serving(Agent(Scripted(says("ok")), name="a"), store=setting(place)) as served:
        runs = [await start(served, key="k") for _ in range(3)]
        assert len({run["id"] for run in runs}) == 1


async def test_a_run_waits_for_the_results_of_the_clients_tools(place: Place) -> None:
    model = Scripted(calls(("choose", '{"of": 2}'), ids=["c1"]), says("red it is"))
    tools = [{"type": "function", "function": {"name": "choose", "parameters": {"type": "object"}}}]
    async with serving(Agent(model, name="a"), store=setting(place)) as served:
        body = {"input": "hi", "on_disconnect": "go_on", "tools": tools}
        _, _, run = await served.post(body, "/v1/runs")
        assert run["status"] == "waiting"
        assert run["waiting"]["tool_calls"] == [{"id": "c1", "name": "choose", "arguments": '{"of": 2}'}]
        path = f"/v1/runs/{run['id']}/answer"
        assert (await served.post({"results": []}, path))[0] == 400
        status, _, _ = await served.post({"results": [{"tool_call_id": "c1", "output": {"colour": "red"}}]}, path)
        assert status == 200
        assert (await ended(served, run["id"]))["status"] == "finished"
        assert (await served.post({"results": []}, path))[0] == 409
    assert model.requests[1].messages[-1].content == '{"colour":"red"}'  # type: ignore[union-attr]


async def test_a_run_that_failed_shows_its_events_and_one_that_expired_says_so(place: Place) -> None:
    async with serving(Agent(Scripted([ValueError()]), name="a"), store=setting(place)) as served:
        run = await start(served)
        assert (await ended(served, run["id"]))["error"]["code"] == "internal_error"
        status, _, stream = await served.get(f"/v1/runs/{run['id']}/events")
        assert (status, frames(stream)[-1][1]) == (200, "run.failed")
        status, _, answer = await served.get(f"/v1/runs/{run['id']}/events?after=99")
        assert "log_reset" in str(answer)


async def test_a_log_that_expired_is_gone_and_the_run_is_not(place: Place) -> None:
    """Row 28."""
    async with serving(Agent(Scripted(says("ok")), name="a"), store=setting(place)) as served:
        run = await start(served)
        await ended(served, run["id"])
        await served.server.state.keeper.runs.expire(-1)  # type: ignore[union-attr]
        status, _, answer = await served.get(f"/v1/runs/{run['id']}/events")
        assert (status, answer["error"]["code"]) == (410, "log_expired")
        assert (await served.get(f"/v1/runs/{run['id']}"))[2]["status"] == "finished"


async def test_nobody_else_finds_the_run(place: Place) -> None:
    """Row 24."""
    async with serving(Agent(Scripted(says("secret")), name="a"), keys=KEYS, store=setting(place)) as served:
        _, _, run = await served.post({"input": "hi", "background": True}, "/v1/runs", **ALICE)
        path = f"/v1/runs/{run['id']}"
        assert (await ended(served, run["id"], **ALICE))["status"] == "finished"
        for status, _, _ in (
            await served.get(path, **BOB),
            await served.get(f"{path}/events", **BOB),
            await served.post({}, f"{path}/cancel", **BOB),
            await served.post({"results": []}, f"{path}/answer", **BOB),
        ):
            assert status == 404
        assert [len((await served.get("/v1/runs", **who))[2]["data"]) for who in (ALICE, BOB)] == [1, 0]


async def test_a_server_that_keeps_no_runs_says_so() -> None:
    async with serving(Agent(Scripted(says("ok")), name="a"), store="memory") as served:
        status, _, answer = await served.post({"input": "hi", "background": True}, "/v1/runs")
        assert (status, answer["error"]["code"]) == (501, "runs_not_kept")
        assert (await served.get("/v1/runs/run_1"))[0] == 404


@pytest.mark.parametrize("kind", ["memory", "place"])
async def test_threads_are_listed_read_titled_forked_and_deleted(place: Place, kind: str) -> None:
    store = "memory" if kind == "memory" else setting(place)
    async with serving(Agent(Scripted(says("hello")), name="a"), store=store) as served:
        await served.post({"input": "hi", "thread": "t"}, "/v1/runs")
        assert [thread["id"] for thread in (await served.get("/v1/threads"))[2]["data"]] == ["t"]
        assert (await served.post({"title": "Greeting"}, "/v1/threads/t"))[2]["title"] == "Greeting"
        said = (await served.get("/v1/threads/t/messages"))[2]["data"]
        assert [message["role"] for message in said] == ["user", "assistant"]
        fork = (await served.post({"length": 1}, "/v1/threads/t/fork"))[2]
        assert (fork["length"], fork["id"] != "t") == (1, True)
        assert (await served.post({"length": 1}, "/v1/threads/t/rewind"))[2]["length"] == 1
        async with served.client.delete(f"{served.url}/v1/threads/t") as response:
            assert response.status == 200
        assert (await served.get("/v1/threads/t"))[0] == 404


def asking(*steps: Any) -> Agent:
    async def send(call: Any, context: Any) -> Any:
        return ToolOutput("sent " + call.arguments)

    return Agent(Scripted(*steps), [wrap.Approved(Box(send=send), ["send"])], name="a")


async def test_a_run_that_waits_for_approval_says_so_and_goes_on_when_it_has_it(place: Place) -> None:
    agent = asking(calls(("send", '{"to":"x"}')), says("done"))
    async with serving(agent, store=setting(place), keys=KEYS) as served:
        status, _, run = await served.post({"input": "hi", "on_disconnect": "go_on"}, "/v1/runs", **ALICE)
        assert (status, run["status"]) == (200, "waiting")
        [call] = run["waiting"]["tool_calls"]
        assert call.pop("ask")["kind"] == "approval"
        assert call == {"id": "c0", "name": "send", "arguments": '{"to":"x"}'}
        path = f"/v1/runs/{run['id']}/answer"
        answer = {"decisions": [{"tool_call_id": "c0", "action": "call", "arguments": {"to": "y"}}]}
        assert (await served.post(answer, path, **BOB))[0] == 404
        assert (await served.post(answer, path, **ALICE))[0] == 200
        assert (await ended(served, run["id"], **ALICE))["status"] == "finished"
        assert (await served.post(answer, path, **ALICE))[2]["error"]["code"] == "run_not_waiting"
        shown = (await served.get(f"/v1/runs/{run['id']}", **ALICE))[2]
        assert shown["calls"] == [
            {"id": "c0", "step": 1, "name": "send", "effect": "none", "began": True, "outcome": "ok"}
        ]
        stream = (await served.get(f"/v1/runs/{run['id']}/events", **ALICE))[2]
    decided = next(data for _, name, data in frames(stream) if name == "run.answered")["decisions"]
    assert (decided[0]["by"], 'sent {\\"to\\":\\"y\\"}' in stream) == ("alice", True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "results: give a result or a decision."),
        ({"results": [{"tool_call_id": "c0", "output": "x"}]}, "results: the call 'c0' waits for a decision."),
        (
            {"decisions": [{"tool_call_id": "c9", "action": "call"}]},
            "decisions: the call 'c9' is not one that the run waits for.",
        ),
        (
            {"decisions": [{"tool_call_id": "c0", "action": "call", "arguments": "[1]"}]},
            "decisions: the call 'c0' has arguments that are not a JSON object.",
        ),
    ],
)
async def test_an_answer_that_does_not_fit_what_is_asked_is_refused(
    place: Place, body: dict[str, Any], said: str
) -> None:
    async with serving(asking(calls(("send", "{}"))), store=setting(place)) as served:
        _, _, run = await served.post({"input": "hi", "on_disconnect": "go_on"}, "/v1/runs")
        status, _, refused = await served.post(body, f"/v1/runs/{run['id']}/answer")
        assert (status, refused["error"]["message"]) == (400, said)


@pytest.mark.parametrize(
    "path", ["threads/a%00b", "runs/a%00b", "responses/resp_%00", "conversations/%00", "runs?before=%00"]
)
async def test_a_name_that_no_database_takes_is_the_clients_fault(place: Place, path: str) -> None:
    async with serving(Agent(Scripted(says("ok")), name="a"), store=setting(place)) as served:
        assert (await served.get(f"/v1/{path}"))[0] in (200, 400, 404)
        status, _, _ = await served.post({"input": "hi", "thread": "a\0b", "background": True}, "/v1/runs")
        assert status in (202, 400)


async def test_a_request_whose_agent_keeps_its_runs_is_read_once_where_its_protocol_does_not_care(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read, seen = openai_chat.ChatCompletions.decode, list[base.ClientRequest]()

    def decode(self: openai_chat.ChatCompletions, client: base.ClientRequest) -> Any:
        seen.append(client)
        return read(self, client)

    monkeypatch.setattr(openai_chat.ChatCompletions, "decode", decode)
    agent = Agent(Scripted(says("x")), name="a", on_disconnect="go_on")
    async with serving(agent, store=f"sqlite:{tmp_path}/store.db") as served:
        status, _, _ = await served.post({"messages": [{"role": "user", "content": "hi"}]})
        assert (status, len(seen)) == (200, 1)
