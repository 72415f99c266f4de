"""A2A through the official SDK, which has a client for 1.0 and one for 0.3."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from a2a.types import SubscribeToTaskRequest, TaskState
from a2a.utils.errors import TaskNotFoundError

from tests.clients.a2a_python import Talk, run
from tests.clients.job import Job, Outcome, Shown
from tests.scripts import GREETING

RUN = ["starting_generation"] + 2 * ["tool_call_detected", "tools_executed", "continuing_generation"]
CLIENTS = [f"a2a-sdk {version} {form}" for version in ("1.0", "0.3") for form in ("stream", "whole")]


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    client: str = request.param
    return client


async def test_text_is_the_answer_of_a_completed_task(client: str, server: str) -> None:
    outcome = await run(Job(client, server, "plain"))
    assert (outcome.text, outcome.finish, outcome.error) == (GREETING, "TASK_STATE_COMPLETED", None)


async def test_reasoning_is_no_part_of_the_answer(client: str, server: str) -> None:
    outcome = await run(Job(client, server, "reasoning"))
    assert outcome.text == "It is 4."
    assert outcome.reasoning == ("" if client.endswith("whole") else "Two and two are four.")


@pytest.mark.parametrize("agent", ["two-rounds", "vendor-two-rounds"])
async def test_tools_are_told_in_status_updates(client: str, server: str, agent: str) -> None:
    outcome = await run(Job(client, server, agent))
    assert outcome.text == "Let me look. Paris: sunny; Rome: sunny; Oslo: sunny"
    if client.endswith("stream"):
        assert outcome.statuses == RUN
        assert outcome.shown == [Shown("weather", {}, f"{city}: sunny") for city in ("Paris", "Rome", "Oslo")]


@pytest.mark.parametrize("agent", ["broken-start", "broken-middle"])
async def test_a_failure_is_an_error_or_a_failed_task(client: str, server: str, agent: str) -> None:
    outcome: Outcome = await run(Job(client, server, agent))
    assert outcome.error is not None
    assert "secret-4711" not in outcome.error.message


async def test_an_unknown_agent_has_no_card(client: str, server: str) -> None:
    assert (await run(Job(client, server, "nobody"))).error is not None


@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_task_is_cancelled_while_it_streams(server: str, version: str) -> None:
    async with Talk(Job(f"a2a-sdk {version} stream", server, "lingering")) as talk:
        states = []
        async for response in talk.send("Go."):
            if response.HasField("artifact_update"):
                id = response.artifact_update.task_id
                assert (await talk.cancel(id)).status.state == TaskState.TASK_STATE_CANCELED
            if response.HasField("status_update"):
                states.append(response.status_update.status.state)
        assert states[-1] == TaskState.TASK_STATE_CANCELED
        assert (await talk.task(id)).status.state == TaskState.TASK_STATE_CANCELED


async def test_a_task_whose_client_left_has_ended(server: str) -> None:
    message = {"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": "Go."}]}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage", "params": {"message": message}}
    url, headers = server.replace("/v1", "/a2a/lingering"), {"authorization": "Bearer key"}
    async with aiohttp.ClientSession() as session, session.post(url, json=asked, headers=headers) as response:
        first = await response.content.readline()
        id = json.loads(first.removeprefix(b"data: "))["result"]["task"]["id"]
        await response.content.readuntil(b"Hold on.")
    async with Talk(Job("a2a-sdk 1.0 whole", server, "departed")) as witness:
        [told] = [response async for response in witness.send("Go.")]
        assert told.task.artifacts[0].parts[0].text == "one left"
    async with asyncio.timeout(10), Talk(Job("a2a-sdk 1.0 whole", server, "lingering")) as talk:
        while (state := (await talk.task(id)).status.state) == TaskState.TASK_STATE_WORKING:
            pass  # it is being stored
        assert state == TaskState.TASK_STATE_CANCELED


@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_context_goes_on_where_it_ended(server: str, version: str) -> None:
    async with Talk(Job(f"a2a-sdk {version} whole", server, "vendor-echo")) as talk:
        [first] = [response.task async for response in talk.send("My name is Ann.")]
        [second] = [response.task async for response in talk.send("Who am I?", first.context_id)]
    told = json.loads(second.artifacts[0].parts[0].text)["messages"]
    assert [message["role"] for message in told] == ["system", "user", "assistant", "user"]
    assert (told[1]["content"], told[3]["content"]) == ("My name is Ann.", "Who am I?")
    assert second.context_id == first.context_id


@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_stream_of_an_unknown_task_is_not_found(server: str, version: str) -> None:
    async with Talk(Job(f"a2a-sdk {version} stream", server, "plain")) as talk:
        with pytest.raises(TaskNotFoundError):
            [event async for event in talk.client.subscribe(SubscribeToTaskRequest(id="x"))]


@pytest.mark.parametrize("path", ["agent-card.json", "agent.json"])
async def test_the_card_needs_no_key(server: str, path: str) -> None:
    root = server.removesuffix("/v1")
    async with aiohttp.ClientSession() as session:
        for place in (root, f"{root}/a2a/plain"):
            async with session.get(f"{place}/.well-known/{path}") as response:
                assert (response.status, (await response.json())["name"]) == (200, "plain")
