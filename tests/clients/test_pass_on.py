"""What a client asks of the model reaches the vendor, which here says what reached it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.clients.server import KEY

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": {"type": "object"}}}
PARAMETERS: list[dict[str, Any]] = [
    {"temperature": 0.5},
    {"temperature": 0},
    {"top_p": 0.9},
    {"max_completion_tokens": 50},
    {"max_tokens": 50},
    {"stop": ["END", "STOP"]},
    {"seed": 7},
    {"presence_penalty": 0.1},
    {"frequency_penalty": -0.1},
    {"reasoning_effort": "low"},
    {"response_format": SCHEMA},
    {"parallel_tool_calls": False},
    {"tool_choice": "required"},
    {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
    {"logit_bias": {"1": -100}},
    {"verbosity": "low"},
    {"service_tier": "flex"},
]


@pytest.fixture
async def client(server: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=server, api_key=KEY, max_retries=0) as client:
        yield client


async def reached(client: openai.AsyncOpenAI, content: Any = "Go.", **parameters: Any) -> dict[str, Any]:
    answer = await client.chat.completions.create(
        model="vendor-echo", messages=[{"role": "user", "content": content}], **parameters
    )
    body: dict[str, Any] = json.loads(answer.choices[0].message.content or "")
    return body


@pytest.mark.parametrize("parameter", PARAMETERS, ids="-".join)
async def test_a_parameter_reaches_the_vendor(client: openai.AsyncOpenAI, parameter: dict[str, Any]) -> None:
    body = await reached(client, **parameter)
    ((name, value),) = parameter.items()
    assert body.get(name) == value


async def test_what_is_not_asked_for_is_left_to_the_vendor(client: openai.AsyncOpenAI) -> None:
    body = await reached(client)
    assert body.keys() == {"model", "messages", "tools", "stream", "stream_options"}
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("part", [IMAGE, FILE, AUDIO], ids=["image", "file", "audio"])
async def test_content_of_every_kind_reaches_the_vendor(client: openai.AsyncOpenAI, part: dict[str, Any]) -> None:
    content = [{"type": "text", "text": "What is this?"}, part]
    body = await reached(client, content)
    assert body["messages"] == [{"role": "system", "content": "Answer."}, {"role": "user", "content": content}]


async def test_the_clients_tools_reach_the_vendor_beside_the_servers(client: openai.AsyncOpenAI) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
    function = {"name": "local_time", "description": "The time.", "parameters": schema, "strict": True}
    body = await reached(client, tools=[{"type": "function", "function": function}])
    named = {tool["function"]["name"]: tool["function"] for tool in body["tools"]}
    assert named.keys() == {"local_time", "weather", "slow_weather", "departure", "send_card", "cards_sent"}
    assert named["local_time"] == function
    assert named["weather"]["description"] == "The weather in a city."
    assert named["weather"]["parameters"]["properties"]["city"]["type"] == "string"
