"""An agent's whole round of tools with each vendor, over a socket: named, asked, read, asked again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.agent.scripted import Box, echo
from tests.providers.stories import anthropic, bedrock, gemini, openai_responses
from tests.providers.upstream import HELLO, chunk, says, upstream
from turnstream import providers
from turnstream.agent import Agent
from turnstream.events import RunContext, RunFinished, RunRequest, ToolCall, ToolOutput, UserMessage

STORIES: dict[str, Any] = {
    "anthropic:claude-sonnet-4-5": anthropic,
    "gemini:gemini-2.5-flash": gemini,
    "openai-responses:gpt-5-mini": openai_responses,
    "bedrock:us.amazon.nova-lite-v1:0": bedrock,
}
KEYS = {
    "ANTHROPIC_API_KEY": "secret-key",
    "GEMINI_API_KEY": "secret-key",
    "OPENAI_API_KEY": "secret-key",
    "AWS_BEARER_TOKEN_BEDROCK": "secret-key",
    "AWS_REGION": "us-east-1",
}


@pytest.mark.parametrize("name", STORIES)
async def test_a_round_of_tools_comes_to_an_answer(name: str) -> None:
    stories = STORIES[name].STORIES
    async with upstream(says(stories["two_tools"]), says(stories["tool_round"])) as vendor, asyncio.timeout(10):
        model = providers.model(name, base_url=vendor.base_url, environ=KEYS)
        agent = Agent(model, [Box(get_weather=echo, get_time=echo)])
        async with agent.run(RunRequest((UserMessage("What is the weather in Paris, and the time?"),))) as run:
            events = [event async for event in run]
    assert isinstance(events[-1], RunFinished)
    assert run.messages[-1].text == "It is 18 °C in Paris."  # type: ignore[union-attr]  # an answer is the last
    assert (run.usage.input, run.usage.output) == (20, 10)
    assert b'"Paris' in vendor.requests[1].replace(b"\\", b"")
    assert b"secret-key" in vendor.requests[1].partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("name", STORIES)
async def test_a_refusal_reaches_the_run_without_the_vendors_words(name: str) -> None:
    body = (
        b'{"type":"error","error":{"type":"x","message":"key secret-key is wrong"},"message":"key secret-key is wrong"}'
    )
    async with upstream(says(body, status="401 Unauthorized")) as vendor, asyncio.timeout(10):
        agent = Agent(providers.model(name, base_url=vendor.base_url, environ=KEYS))
        async with agent.run(RunRequest((UserMessage("Hello"),))) as run:
            events = [event async for event in run]
    assert "secret-key" not in str(events)
    assert "provider_authentication" in str(events[-1])


async def test_a_call_that_could_not_be_read_goes_back_with_a_name_and_the_model_tries_again() -> None:
    broken = gemini.chunk().replace(b'"index"', b'"finishReason":"MALFORMED_FUNCTION_CALL","index"')
    async with upstream(says(broken), says(gemini.STORIES["text"])) as vendor, asyncio.timeout(10):
        model = providers.model("gemini:gemini-2.5-flash", base_url=vendor.base_url, environ=KEYS)
        async with Agent(model, [Box(get_time=echo)]).run(RunRequest((UserMessage("Now?"),))) as run:
            events = [event async for event in run]
    assert isinstance(events[-1], RunFinished)
    _, call, result = vendor.body()["contents"]
    assert (
        call["parts"][0]["functionCall"]["name"] == result["parts"][0]["functionResponse"]["name"] == "unreadable_call"
    )


def call_of(name: str) -> bytes:
    call = {"index": 0, "id": "c", "function": {"name": name, "arguments": "{}"}}
    return chunk(finish="tool_calls").replace(
        b'"delta": {}', b'"delta": ' + json.dumps({"tool_calls": [call]}).encode()
    )


async def test_a_step_that_fails_before_it_says_anything_is_tried_again_and_its_tools_are_not() -> None:
    ran: list[str] = []

    async def count(call: ToolCall, context: RunContext) -> ToolOutput:
        ran.append(call.name)
        return ToolOutput("1")

    busy = b'data: {"error":{"message":"busy","code":503}}\n\n'
    tools: dict[str, Any] = {"my.tool": count}
    answers = (says(call_of("functions.my.tool")), says(busy), says(*HELLO))
    async with upstream(*answers) as vendor, asyncio.timeout(10):
        model = providers.model("openai-compatible:m", base_url=vendor.base_url, environ={})
        async with Agent(model, [Box(**tools)]).run(RunRequest((UserMessage("Now?"),))) as run:
            events = [event async for event in run]
    assert isinstance(events[-1], RunFinished)
    assert ran == ["my.tool"]  # its own name here, and a legal one on the wire
    assert vendor.body()["tools"][0]["function"]["name"] == "my_tool"
    assert vendor.body() == vendor.body(1)
