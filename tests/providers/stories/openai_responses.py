"""OpenAI's Responses API."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.providers.stories import TIME, WEATHER
from turnstream.providers import openai_responses
from turnstream.providers.base import Settings

PROVIDER = openai_responses.PROVIDER
SETTINGS = Settings("gpt-5-mini", "https://api.openai.com/v1", "key")


def stream(*items: list[dict[str, Any]], status: str = "completed", **members: Any) -> bytes:
    """The events of each output item, between ``response.created`` and the end."""
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    whole: list[dict[str, Any]] = [{"type": "response.created", "response": {"status": "in_progress", "output": []}}]
    for at, events in enumerate(items):
        whole += [event | {"output_index": at} for event in events]
    response = {"status": status, "output": [], "usage": usage, **members}
    whole.append({"type": f"response.{status}", "response": response})
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (event["type"].encode(), msgspec.json.encode(event | {"sequence_number": at}))
        for at, event in enumerate(whole)
    )


def message(*texts: str) -> list[dict[str, Any]]:
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    content = [{"type": "output_text", "text": "".join(texts), "annotations": []}]
    return [
        {"type": "response.output_item.added", "item": item},
        *({"type": "response.output_text.delta", "item_id": "msg_1", "delta": text} for text in texts),
        {"type": "response.output_text.done", "item_id": "msg_1", "text": "".join(texts)},
        {"type": "response.output_item.done", "item": item | {"content": content}},
    ]


def call(ident: str, name: str, *pieces: str) -> list[dict[str, Any]]:
    item = {"type": "function_call", "id": f"fc_{ident}", "call_id": ident, "name": name, "arguments": ""}
    return [
        {"type": "response.output_item.added", "item": item},
        *({"type": "response.function_call_arguments.delta", "delta": piece} for piece in pieces),
        {"type": "response.function_call_arguments.done", "arguments": "".join(pieces)},
        {"type": "response.output_item.done", "item": item | {"arguments": "".join(pieces)}},
    ]


def reasoning(*texts: str) -> list[dict[str, Any]]:
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    summary = [{"type": "summary_text", "text": "".join(texts)}]
    return [
        {"type": "response.output_item.added", "item": item},
        *({"type": "response.reasoning_summary_text.delta", "summary_index": 0, "delta": text} for text in texts),
        {"type": "response.output_item.done", "item": item | {"summary": summary, "encrypted_content": "c2VjcmV0"}},
    ]


PARIS = ("call00001", "get_weather", '{"city"', ': "Paris"}')

STORIES = {
    "text": stream(message("Hello", ", world.")),
    "reasoning": stream(reasoning("Six times", " seven."), message("It is", " 42.")),
    "one_tool": stream(call(*PARIS)),
    "two_tools": stream(message("I look."), call(*PARIS), call("call00002", "get_time", "{}")),
    "tool_round": stream(message("It is 18 °C", " in Paris.")),
}

SECOND_STEP = {
    "model": "gpt-5-mini",
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "instructions": "Answer briefly.",
    "max_output_tokens": 100,
    "input": [
        {"role": "user", "content": "What is the weather in Paris, and the time?"},
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "call00001", "name": "get_weather", "arguments": '{"city":"Paris"}'},
        {"type": "function_call", "call_id": "call00002", "name": "get_time", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call00001", "output": "18 °C"},
        {"type": "function_call_output", "call_id": "call00002", "output": "Error: The clock is broken."},
    ],
    "tools": [
        {
            "type": "function",
            "name": "get_weather",
            "description": "The weather in a city.",
            "parameters": WEATHER.parameters,
            "strict": False,
        },
        {
            "type": "function",
            "name": "get_time",
            "description": "The time now.",
            "parameters": TIME.parameters,
            "strict": False,
        },
    ],
}
