"""Whatever a request body holds, the answer is an answer or an error in words, and what the agent makes of it can be
sent to every vendor."""

from __future__ import annotations

import copy
import json
import logging
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from turnstream.agent import Agent
from turnstream.events import Finish, ModelRequest, RequestError, TextDelta
from turnstream.protocols import ModelStream
from turnstream.providers import catalogue, model
from turnstream.providers.transport import http
from turnstream.server import app
from turnstream.service import Service
from turnstream.testing import ScriptedModel, streaming_client

ROUNDS = 150 * int(os.environ.get("FUZZ", "1"))
SEED = os.environ.get("FUZZ_SEED", "")

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PIXEL = "data:image/png;base64,iVBORw0KGgo="

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "model": "agent",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "name": "ann",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                    {
                        "type": "file",
                        "file": {"file_data": "data:application/pdf;base64,JVBERg==", "filename": "a.pdf"},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "hm",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            {"role": "assistant", "function_call": {"name": "look", "arguments": {"city": "Paris"}}},
            {"role": "function", "name": "look", "content": "rainy"},
            {"role": "user", "content": "and now?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "include_status_updates": True,
        "tools": [{"type": "function", "function": {"name": "pick", "description": "Picks.", "parameters": SCHEMA}}],
        "tool_choice": {"type": "function", "function": {"name": "pick"}},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 5,
        "max_completion_tokens": 6,
        "stop": ["x"],
        "seed": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}},
        "reasoning_effort": "low",
        "n": 1,
        "user": "u",
        "thread_id": "t",
        "metadata": {"thread_id": "t"},
        "context": {"values": [{"key": "k", "value": "v"}]},
        "extra_body": {"thread_id": "t"},
        "logit_bias": {"1": 2},
        "top_k": 3,
        "min_p": 0.1,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    },
    "/v1/responses": {
        "model": "agent",
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
            {"role": "user", "content": [{"type": "input_image", "image_url": PIXEL, "detail": "auto"}]},
        ],
        "stream": True,
        "tools": [{"type": "function", "name": "pick", "parameters": SCHEMA, "strict": True}],
        "tool_choice": "auto",
        "temperature": 1,
        "max_output_tokens": 10,
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
        "reasoning": {"effort": "low", "summary": "auto"},
        "metadata": {"thread_id": "t"},
        "user": "u",
    },
    "/v1/messages": {
        "model": "agent",
        "max_tokens": 10,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": {"city": "x"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}]},
        ],
        "stream": True,
        "tools": [{"name": "pick", "description": "Picks.", "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": "pick"},
        "stop_sequences": ["x"],
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 5,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "metadata": {"user_id": "u"},
    },
    "/ag-ui/agent": {
        "threadId": "t",
        "runId": "r",
        "messages": [
            {"id": "1", "role": "user", "content": [{"type": "text", "text": "hi"}]},
            {
                "id": "2",
                "role": "assistant",
                "toolCalls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
            },
            {"id": "3", "role": "tool", "toolCallId": "c1", "content": "sunny"},
            {"id": "4", "role": "user", "content": "and now?"},
        ],
        "tools": [{"name": "pick", "description": "Picks.", "parameters": SCHEMA}],
        "context": [{"description": "d", "value": "v"}],
        "state": {},
        "forwardedProps": {},
    },
    "/vercel/agent": {
        "id": "t",
        "messages": [
            {
                "id": "1",
                "role": "user",
                "parts": [{"type": "text", "text": "hi"}, {"type": "file", "mediaType": "image/png", "url": PIXEL}],
            },
            {
                "id": "2",
                "role": "assistant",
                "parts": [
                    {"type": "tool-look", "toolCallId": "c1", "state": "output-available", "input": {}, "output": "x"}
                ],
            },
            {"id": "3", "role": "user", "parts": [{"type": "text", "text": "and now?"}]},
        ],
        "tools": [{"name": "pick", "description": "Picks.", "parameters": SCHEMA}],
    },
}

for method in ("message/send", "message/stream"):
    part = {"kind": "text", "text": "hi"}
    message = {"kind": "message", "messageId": "m", "role": "user", "parts": [part], "contextId": "c", "metadata": {}}
    BODIES[f"/a2a/agent?{method}"] = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": method,
        "params": {"message": message, "configuration": {"acceptedOutputModes": ["text"]}, "metadata": {"a": 1}},
    }

DEEP: Any = {}
for _ in range(150):
    DEEP = {"a": [DEEP]}

NOISE: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**70,
    10**400,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "{",
    "a\0b",
    "\ud800",
    "\u2028",
    "data:,",
    "x" * 5000,
    [],
    {},
    [None],
    [[]],
    {"a": None},
    {"": 1},
    {"\ud800": "\udfff"},
    DEEP,
]

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "s",
    "AWS_REGION": "us-east-1",
    "WATSONX_PROJECT_ID": "p",
    "GOOGLE_CLOUD_PROJECT": "p",
    "GOOGLE_CLOUD_LOCATION": "us-east1",
}


def vendors() -> Iterator[http.HttpModel]:
    for name in (
        "openai",
        "openai-compatible",
        *(name for name, row in catalogue.PROVIDERS.items() if row.speaks not in {"openai", "demo"}),
    ):
        quirks = {"family": "granite4"} if name in {"openai-completions", "watsonx-generation"} else {}
        url = "http://127.0.0.1:1"
        made: Any = model(f"{name}:m", base_url=url, api_key="k", quirks=quirks, environ=ENVIRONMENT)
        yield made if isinstance(made, http.HttpModel) else made._model


class EveryVendor:
    """Makes of each request what each vendor would be sent, and answers "ok"."""

    name = "every vendor"

    def __init__(self) -> None:
        self.vendors = list(vendors())

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelStream]:
        for vendor in self.vendors:
            with suppress(RequestError):  # not every vendor takes sound, for one
                json.loads(vendor.provider.request(vendor.settings, request).body)
        async with ScriptedModel([[TextDelta("ok"), Finish("stop")]]).stream(request) as answer:
            yield answer


def noisy(body: dict[str, Any], chance: random.Random) -> bytes:
    """The body with one to three of its values, at any depth, lost or replaced by something else."""
    body = copy.deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        place: Any = body
        key = chance.choice(list(place))
        while isinstance(place[key], dict | list) and place[key] and chance.random() < 0.75:
            place = place[key]
            key = chance.choice(list(place)) if isinstance(place, dict) else chance.randrange(len(place))
        if chance.random() < 0.1:
            del place[key]
        else:
            place[key] = copy.deepcopy(chance.choice(NOISE))
        if not body:
            break
    return json.dumps(body).encode()


@pytest.mark.parametrize("path", BODIES)
async def test_a_noisy_body_is_answered_or_refused_in_words(path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    chance = random.Random(f"{path} {SEED}")
    statuses: list[int] = []
    async with streaming_client(app(Service({"agent": Agent(EveryVendor())}))) as client:
        for _ in range(ROUNDS):
            body = noisy(BODIES[path], chance)
            async with client.post(path, content=body) as response:
                answer = await response.read()
            statuses.append(response.status)
            is_refusal = response.status in {400, 404} and answer
            is_notification = response.status == 204 and path.startswith("/a2a")  # a call without an id
            assert response.status == 200 or is_refusal or is_notification, (body, answer)
            assert not caplog.records, body
    assert 200 in statuses
    assert 400 in statuses or path.startswith("/a2a")  # JSON-RPC tells of errors with 200


@pytest.mark.parametrize("path", BODIES)
async def test_the_body_that_is_made_noisy_is_answered(path: str) -> None:
    async with (
        streaming_client(app(Service({"agent": Agent(EveryVendor())}))) as client,
        client.post(path, BODIES[path]) as response,
    ):
        assert (response.status, b"ok" in await response.read()) == (200, True)
