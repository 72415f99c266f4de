"""Anthropic Messages."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.providers.stories import TIME, WEATHER
from turnstream.providers import anthropic
from turnstream.providers.base import Settings

PROVIDER = anthropic.PROVIDER
SETTINGS = Settings("claude-sonnet-4-5", "https://api.anthropic.com", "key", quirks={"prompt_cache": False})


def stream(*events: dict[str, Any], reason: str = "end_turn") -> bytes:
    """The events between ``message_start`` and the end."""
    start = {
        "type": "message_start",
        "message": {"role": "assistant", "usage": {"input_tokens": 10, "output_tokens": 1}},
    }
    end: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5}}
    whole: tuple[dict[str, Any], ...] = (start, {"type": "ping"}, *events, end, {"type": "message_stop"})
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), msgspec.json.encode(e)) for e in whole)


def block(index: int, kind: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": kind},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *texts: str) -> list[dict[str, Any]]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": one} for one in texts))


def tool(index: int, ident: str, name: str, *pieces: str) -> list[dict[str, Any]]:
    kind = {"type": "tool_use", "id": ident, "name": name, "input": {}}
    return block(index, kind, *({"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces)))


THINKING = block(
    0,
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking_delta", "thinking": "Six times"},
    {"type": "thinking_delta", "thinking": " seven."},
    {"type": "signature_delta", "signature": "c2lnbmVk"},
)
PARIS = ('{"city"', ': "Paris"}')

STORIES = {
    "text": stream(*text(0, "Hello", ", world.")),
    "reasoning": stream(*THINKING, *text(1, "It is", " 42.")),
    "one_tool": stream(*tool(0, "call00001", "get_weather", *PARIS), reason="tool_use"),
    "two_tools": stream(
        *text(0, "I look."),
        *tool(1, "call00001", "get_weather", *PARIS),
        *tool(2, "call00002", "get_time"),
        reason="tool_use",
    ),
    "tool_round": stream(*text(0, "It is 18 °C", " in Paris.")),
}

SECOND_STEP = {
    "model": "claude-sonnet-4-5",
    "stream": True,
    "max_tokens": 100,
    "system": [{"type": "text", "text": "Answer briefly."}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "What is the weather in Paris, and the time?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "call00001", "name": "get_weather", "input": {"city": "Paris"}},
                {"type": "tool_use", "id": "call00002", "name": "get_time", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call00001",
                    "content": [{"type": "text", "text": "18 °C"}],
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "call00002",
                    "is_error": True,
                    "content": [{"type": "text", "text": "The clock is broken."}],
                },
            ],
        },
    ],
    "tools": [
        {"name": "get_weather", "description": "The weather in a city.", "input_schema": WEATHER.parameters},
        {"name": "get_time", "description": "The time now.", "input_schema": TIME.parameters},
    ],
}
