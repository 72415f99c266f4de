"""A call that waits for a person, asked and answered by the official client of each protocol, unmodified."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import httpx
import openai
import pytest
from a2a.client import ClientConfig, ClientFactory
from a2a.client.card_resolver import A2ACardResolver
from a2a.types import Message, Part, Role, SendMessageRequest, StreamResponse, TaskState

from tests.agent.scripted import Scripted, calls, says
from tests.clients import node_process
from tests.server.serving import Served, serving
from tests.server.test_approvals import Files, codes
from turnstream import Agent

PATH = {"path": "/tmp/x"}


def helper(files: Files) -> Agent:
    model = Scripted(calls(("delete", json.dumps(PATH)), text="I must ask."), says("It is done."))
    return Agent(model, [files.box], name="helper")


async def ask_openai(served: Served, **body: Any) -> Any:
    client = openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)
    async with client, client.responses.stream(model="helper", **body) as stream:
        async for _ in stream:
            pass
        return await stream.get_final_response()


@pytest.mark.parametrize("approve", [True, False])
async def test_openai_responses_ask_by_an_approval_request(approve: bool) -> None:
    files = Files()
    async with serving(helper(files), store="memory") as served:
        asked = await ask_openai(served, input="delete it")
        [wanted] = [item for item in asked.output if item.type == "mcp_approval_request"]
        assert (asked.status, wanted.name, json.loads(wanted.arguments)) == ("completed", "delete", PATH)
        given = {"type": "mcp_approval_response", "approval_request_id": wanted.id, "approve": approve}
        done = await ask_openai(served, input=[given], previous_response_id=asked.id)
        assert (done.status, done.output_text) == ("completed", "It is done.")
        more = await ask_openai(served, input="thanks", previous_response_id=done.id)
        assert more.status == "completed"
    assert len(files.deleted) == approve


async def test_openai_responses_leave_the_question_open_for_any_other_turn() -> None:
    files = Files()
    async with serving(helper(files), store="memory") as served:
        asked = await ask_openai(served, input="delete it")
        still = await ask_openai(served, input="well?", previous_response_id=asked.id)
        assert still.output_text.startswith("Nothing was done")
        assert [item.id for item in still.output if item.type == "mcp_approval_request"] == [
            item.id for item in asked.output if item.type == "mcp_approval_request"
        ]
    assert not files.deleted


async def test_anthropic_messages_ask_in_words() -> None:
    files = Files()
    async with serving(helper(files), store="memory") as served:
        client = anthropic.AsyncAnthropic(base_url=served.url, api_key="none", max_retries=0)
        conversation: list[Any] = [{"role": "user", "content": "delete it"}]
        async with client:
            asked = await client.messages.create(model="helper", max_tokens=100, messages=conversation)
            words = asked.content[-1].text  # type: ignore[union-attr]
            conversation += [{"role": "assistant", "content": words}]
            conversation += [{"role": "user", "content": f"approve {codes(words)[0]}"}]
            async with client.messages.stream(model="helper", max_tokens=100, messages=conversation) as stream:
                assert await stream.get_final_text() == "It is done."
    assert len(files.deleted) == 1


@pytest.mark.parametrize(("version", "as_data"), [("1.0", True), ("0.3", False)])
async def test_an_a2a_task_requires_input_and_goes_on_with_it(version: str, as_data: bool) -> None:
    files = Files()
    async with serving(helper(files), store="memory") as served, httpx.AsyncClient(timeout=30) as http:
        card = await A2ACardResolver(http, f"{served.url}/a2a/helper").get_agent_card()
        chosen = [one for one in card.supported_interfaces if one.protocol_version.startswith(version)]
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(chosen)
        client = ClientFactory(ClientConfig(httpx_client=http, streaming=True)).create(card)

        async def send(part: Part, task: str = "") -> list[StreamResponse]:
            message = Message(message_id="m1", role=Role.ROLE_USER, parts=[part], task_id=task)
            return [each async for each in client.send_message(SendMessageRequest(message=message))]

        *_, last = await send(Part(text="delete it"))
        update = last.status_update
        assert update.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
        [code] = codes(update.status.message.parts[0].text)
        data = Part()
        data.data.struct_value.update({"code": code, "approve": True})
        done = await send(data if as_data else Part(text=f"approve {code}"), update.task_id)
        assert done[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
        assert done[-1].status_update.task_id == update.task_id
    assert len(files.deleted) == 1


async def node(served: Served, which: str, answer: str) -> dict[str, Any]:
    try:
        program = await asyncio.to_thread(node_process.install)
    except node_process.NoNode as reason:
        pytest.skip(str(reason))
    process = await asyncio.create_subprocess_exec(
        program, "approvals.mjs", served.url, which, answer, cwd=node_process.FOLDER, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize("answer", ["yes", "no"])
async def test_the_ai_sdk_asks_for_tool_approval(answer: str) -> None:
    files = Files()
    async with serving(helper(files), store="memory") as served:
        outcome = await node(served, "ai-sdk", answer)
    assert (outcome["asked"], outcome["messages"]) == (PATH, 2)
    assert outcome["text"] == "I must ask.|It is done."
    assert outcome["state"] == ("output-available" if answer == "yes" else "output-error")
    assert len(files.deleted) == (answer == "yes")


@pytest.mark.parametrize("answer", ["yes", "no"])
async def test_ag_ui_interrupts_and_resumes(answer: str) -> None:
    files = Files()
    async with serving(helper(files), store="memory") as served:
        outcome = await node(served, "ag-ui", answer)
    assert (outcome["asked"], outcome["left"]) == (PATH, 0)
    assert outcome["text"] == "I must ask.|It is done."
    assert ("the wrong file" in outcome["state"]) == (answer == "no")
    assert len(files.deleted) == (answer == "yes")
