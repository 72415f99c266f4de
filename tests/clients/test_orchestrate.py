"""The stream as watsonx Orchestrate is sent it, under the rules of IBM's own validator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients import orchestrate_check, raw

CALLER = {"x-api-key": "key", "x-ibm-thread-id": "t-1", "accept": "text/event-stream"}
HISTORY = [
    {"role": "user", "content": "When is the holiday?"},
    {"role": "assistant", "content": 'tool_name: calendar, args {"location": "USA"}'},
    {"role": "assistant", "content": "On Thursday."},
]
GOOD = b'data: {"id":"1","object":"thread.message.delta","choices":[{"delta":{"content":"event: data: x"}}]}\n\n'


async def ask(server: str, agent: str, headers: dict[str, str], *history: dict[str, str]) -> raw.Answer:
    messages = [*history, {"role": "user", "content": "Go."}]
    return await raw.post(f"{server}/chat/completions", {"model": agent, "messages": messages, "stream": True}, headers)


def steps(answer: raw.Answer) -> list[dict[str, Any]]:
    return [delta["step_details"] for delta in answer.deltas if "step_details" in delta]


def test_the_check_accepts_plain_data_lines() -> None:
    assert orchestrate_check.faults(GOOD * 20 + b"data: [DONE]\n\n") == []


@pytest.mark.parametrize(
    "other", [b": ping\n\n", b"id: 1\n", b"event: thread.message.delta\n" * 9, b'data: {"error":{}}\n\n', b"\n\n"]
)
def test_the_check_refuses_everything_else(other: bytes) -> None:
    assert orchestrate_check.faults(other + GOOD) != []


@pytest.mark.parametrize("agent", ["plain", "reasoning", "two-rounds", "vendor-two-rounds"])
@pytest.mark.parametrize("headers", [CALLER, {"authorization": "Bearer key"}], ids=["thread", "no thread"])
@pytest.mark.parametrize("history", [[], HISTORY], ids=["alone", "history"])
async def test_the_stream_passes_the_validator(
    server: str, agent: str, headers: dict[str, str], history: list[dict[str, str]]
) -> None:
    answer = await ask(server, agent, headers, *history)
    assert orchestrate_check.faults(answer.body) == []


async def test_every_event_names_the_thread(server: str) -> None:
    answer = await ask(server, "two-rounds", CALLER)
    assert {chunk["thread_id"] for chunk in answer.chunks} == {"t-1"}


async def test_text_and_steps_are_events_of_their_own_kinds(server: str) -> None:
    answer = await ask(server, "two-rounds", CALLER)
    assert answer.text == "Let me look. Paris: sunny; Rome: sunny; Oslo: sunny"
    for chunk in answer.chunks:
        stepping = "step_details" in chunk["choices"][0]["delta"]
        assert chunk["object"] == ("thread.run.step.delta" if stepping else "thread.message.delta")


async def test_each_tool_response_answers_an_announced_call(server: str) -> None:
    told = steps(await ask(server, "two-rounds", CALLER))
    called = [call for step in told if step["type"] == "tool_calls" for call in step["tool_calls"]]
    answered = [step for step in told if step["type"] == "tool_response"]
    assert [(call["name"], call["args"]) for call in called] == [
        ("weather", {"city": city}) for city in ("Paris", "Rome", "Oslo")
    ]
    assert sorted(call["id"] for call in called) == sorted(step["tool_call_id"] for step in answered)
    assert {json.dumps(step["content"]) for step in answered} == {'"Paris: sunny"', '"Rome: sunny"', '"Oslo: sunny"'}


async def test_reasoning_is_a_thinking_step(server: str) -> None:
    told = steps(await ask(server, "reasoning", CALLER))
    thoughts = "".join(step["content"] for step in told if step["type"] == "thinking")
    assert "Two and two are four." in thoughts
