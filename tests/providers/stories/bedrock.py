"""Amazon Bedrock's ConverseStream, in AWS event-stream frames made here."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import msgspec

from tests.providers.stories import TIME, WEATHER
from turnstream.providers import bedrock
from turnstream.providers.base import Settings

PROVIDER = bedrock.PROVIDER
SETTINGS = Settings(
    "us.amazon.nova-lite-v1:0", "https://bedrock-runtime.us-east-1.amazonaws.com", "key", quirks={"region": "us-east-1"}
)


def frame(payload: bytes, **headers: str) -> bytes:
    """One message; its headers are strings, ``event_type`` standing for ``:event-type``."""
    block = b""
    for name, value in headers.items():
        raw = b":" + name.replace("_", "-").encode()
        block += bytes([len(raw)]) + raw + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    lengths = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + block + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind: str, **members: Any) -> bytes:
    payload = msgspec.json.encode({**members, "p": "abcdefg"})
    return frame(payload, event_type=kind, content_type="application/json", message_type="event")


def delta(index: int, **members: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=members)


def stop(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


def texts(index: int, *said: str) -> bytes:
    return b"".join(delta(index, text=text) for text in said) + stop(index)


def tool(index: int, ident: str, name: str, *pieces: str, **more: str) -> bytes:
    start = {"toolUse": {"toolUseId": ident, "name": name, **more}}
    return (
        event("contentBlockStart", contentBlockIndex=index, start=start)
        + b"".join(delta(index, toolUse={"input": piece}) for piece in pieces)
        + stop(index)
    )


def stream(*blocks: bytes, reason: str = "end_turn") -> bytes:
    usage = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
    end = event("messageStop", stopReason=reason) + event("metadata", usage=usage, metrics={"latencyMs": 1})
    return event("messageStart", role="assistant") + b"".join(blocks) + end


REASONING = (
    delta(0, reasoningContent={"text": "Six times"})
    + delta(0, reasoningContent={"text": " seven."})
    + delta(0, reasoningContent={"signature": "c2lnbmVk"})
    + stop(0)
)
PARIS = ("call00001", "get_weather", '{"city"', ': "Paris"}')

STORIES = {
    "text": stream(texts(0, "", "Hello", ", world.")),
    "reasoning": stream(REASONING, texts(1, "It is", " 42.")),
    "one_tool": stream(tool(0, *PARIS), reason="tool_use"),
    "two_tools": stream(
        texts(0, "I look."), tool(1, *PARIS), tool(2, "call00002", "get_time", "{}"), reason="tool_use"
    ),
    "tool_round": stream(texts(0, "It is 18 °C", " in Paris.")),
}

SECOND_STEP = {
    "system": [{"text": "Answer briefly."}],
    "inferenceConfig": {"maxTokens": 100},
    "messages": [
        {"role": "user", "content": [{"text": "What is the weather in Paris, and the time?"}]},
        {
            "role": "assistant",
            "content": [
                {"text": "I look."},
                {"toolUse": {"toolUseId": "call00001", "name": "get_weather", "input": {"city": "Paris"}}},
                {"toolUse": {"toolUseId": "call00002", "name": "get_time", "input": {}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "call00001", "content": [{"text": "18 °C"}]}},
                {
                    "toolResult": {
                        "toolUseId": "call00002",
                        "content": [{"text": "The clock is broken."}],
                        "status": "error",
                    }
                },
            ],
        },
    ],
    "toolConfig": {
        "tools": [
            {
                "toolSpec": {
                    "name": "get_weather",
                    "description": "The weather in a city.",
                    "inputSchema": {"json": WEATHER.parameters},
                }
            },
            {
                "toolSpec": {
                    "name": "get_time",
                    "description": "The time now.",
                    "inputSchema": {"json": TIME.parameters},
                }
            },
        ]
    },
}
