"""Kept conversations over a real server: whole, for their own key and agent alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import Served, serving, until
from turnstream import Agent, identity
from turnstream.events import AssistantMessage, Finish, ItemAdded, ProviderItem, TextDelta
from turnstream.server import app
from turnstream.service import Service
from turnstream.testing import streaming_client

KEYS = (identity.Key("alice-key-1", "alice"), identity.Key("bob-key-1", "bob"))
ALICE, BOB = ({"authorization": f"Bearer {who}-key-1"} for who in ("alice", "bob"))


def rpc(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def send(text: str, method: str = "message/send", **more: str) -> dict[str, Any]:
    parts = [{"kind": "text", "text": text}]
    return rpc(method, message={"messageId": "m", "role": "user", "parts": parts, **more})


async def ask(served: Served, path: str, body: dict[str, Any], who: dict[str, str]) -> Any:
    _, _, answer = await served.post(body, path, **who)
    return answer


def heard(model: Scripted) -> str:
    return repr(model.requests[-1].messages)


async def test_a_context_of_the_same_name_is_another_for_another_key_and_another_agent() -> None:
    model = Scripted(says("ok"))
    async with serving(Agent(model, name="a"), Agent(model, name="b"), keys=KEYS) as served:
        await ask(served, "/a2a/a", send("my PIN is 1234", contextId="default"), ALICE)
        for path, who in (("/a2a/a", BOB), ("/a2a/b", ALICE)):
            await ask(served, path, send("what is my PIN?", contextId="default"), who)
            assert "1234" not in heard(model)
        await ask(served, "/a2a/a", send("what is my PIN?", contextId="default"), ALICE)
        assert "1234" in heard(model)


async def test_a_task_of_another_is_not_found() -> None:
    async with serving(Agent(Scripted(says("the secret")), name="a"), keys=KEYS) as served:
        task = (await ask(served, "/a2a/a", send("hi"), ALICE))["result"]["id"]
        for method in ("tasks/get", "tasks/cancel"):
            assert (await ask(served, "/a2a/a", rpc(method, id=task), BOB))["error"]["code"] == -32001
        assert (await ask(served, "/a2a/a", send("hi", taskId=task), BOB))["error"]["code"] == -32001
        assert (await ask(served, "/a2a/a", rpc("tasks/get", id=task), ALICE))["result"]["id"] == task


async def test_a_running_task_is_cancelled_by_its_own_key_alone() -> None:
    never = asyncio.Event()
    model = Scripted([[TextDelta("well")], never, [Finish("stop")]])
    async with serving(Agent(model, name="a"), keys=KEYS) as served:
        body = json.dumps(send("hi", "message/stream")).encode()
        async with served.client.post(f"{served.url}/a2a/a", data=body, headers=ALICE) as response:
            task = response.headers["x-run-id"]
            await until(response.content, b"well")
            assert (await ask(served, "/a2a/a", rpc("tasks/cancel", id=task), BOB))["error"]["code"] == -32001
            shown = (await ask(served, "/a2a/a", rpc("tasks/get", id=task), ALICE))["result"]
            assert (shown["status"]["state"], shown["artifacts"][0]["parts"][0]["text"]) == ("working", "well")
            ended = (await ask(served, "/a2a/a", rpc("tasks/cancel", id=task), ALICE))["result"]
            assert ended["status"]["state"] == "canceled"
            await until(response.content, b'"canceled"')
        assert (await ask(served, "/a2a/a", rpc("tasks/cancel", id=task), ALICE))["error"]["code"] == -32002


@pytest.mark.parametrize("stream", [False, True])
async def test_a_response_goes_on_for_its_own_key_whole(stream: bool) -> None:
    item = ProviderItem("anthropic", {"signature": "s"})
    model = Scripted([[ItemAdded(item), TextDelta("noted")], [Finish("stop")]])
    async with serving(Agent(model, name="a"), Agent(model, name="b"), keys=KEYS) as served:
        body: dict[str, Any] = {"model": "a", "input": "my PIN is 1234", "stream": stream}
        _, headers, _ = await served.post(body, "/v1/responses", **ALICE)
        more: dict[str, Any] = {"model": "a", "input": "PIN?", "previous_response_id": f"resp_{headers['x-run-id']}"}
        for body, who in ((more, BOB), ({**more, "model": "b"}, ALICE)):
            status, _, answer = await served.post(body, "/v1/responses", **who)
            assert (status, answer["error"]["param"]) == (404, "previous_response_id")
        assert (await served.post(more, "/v1/responses", **ALICE))[0] == 200
        answers = [message for message in model.requests[-1].messages if isinstance(message, AssistantMessage)]
        assert answers[0].parts[0] == item


async def test_a_named_thread_is_the_history_where_the_request_says_so() -> None:
    model = Scripted(says("ok"))
    async with serving(Agent(model, name="a"), keys=KEYS) as served:
        for text in ("my PIN is 1234", "and my name is Alice"):
            body = {"messages": [{"role": "user", "content": text}], "thread_id": "default"}
            await served.post(body, **ALICE, x_thread_history="server")
        assert "1234" in heard(model)
        await served.post(body, **BOB, x_thread_history="server")
        assert len(model.requests[-1].messages) == 1
        await served.post(body, **ALICE)  # without a word of it, the client's history is the truth
        assert len(model.requests[-1].messages) == 1


async def test_what_the_server_remembers_is_bounded_by_bytes() -> None:
    model = Scripted(says("ok"))
    async with serving(Agent(model, name="a"), memory_limit=50_000) as served:
        ids = []
        for _ in range(4):
            _, headers, _ = await served.post({"input": "x" * 20_000}, "/v1/responses")
            ids.append(headers["x-run-id"])
        statuses = []
        for id in ids:
            status, _, _ = await served.post({"input": "more", "previous_response_id": f"resp_{id}"}, "/v1/responses")
            statuses.append(status)
        assert statuses[:2] == [404, 404]
        assert 200 in statuses


async def test_the_answer_has_the_name_by_which_the_service_has_the_agent() -> None:
    service = Service({"tools": Agent(Scripted(says("ok")))})
    async with streaming_client(app(service)) as client, client.post("/v1/responses", {"input": "hi"}) as response:
        assert json.loads(await response.read())["model"] == "tools"
