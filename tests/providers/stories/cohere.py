"""Cohere's v2 chat."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.providers.stories.chat import CLOCK, PARIS, TOOLS, sent
from turnstream.providers import cohere
from turnstream.providers.base import Settings

PROVIDER = cohere.PROVIDER
SETTINGS = Settings("command-a-03-2025", "https://api.cohere.com", "key")


def event(kind: str, message: dict[str, Any] | None = None, index: int | None = 0, **delta: Any) -> bytes:
    whole: dict[str, Any] = {"type": kind}
    if index is not None:
        whole["index"] = index
    if message is not None or delta:
        whole["delta"] = {**({} if message is None else {"message": message}), **delta}
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode(whole) + b"\n\n"


BEGIN = event("message-start", {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}, None)


def said(kind: str, *pieces: str) -> bytes:
    start = event("content-start", {"content": {"type": kind, kind: ""}})
    deltas = b"".join(event("content-delta", {"content": {kind: piece}}) for piece in pieces)
    return start + deltas + event("content-end")


def end(reason: str) -> bytes:
    usage = {"billed_units": {"input_tokens": 3}, "tokens": {"input_tokens": 10, "output_tokens": 5}}
    return event("message-end", None, None, finish_reason=reason, usage=usage)


def call(made: dict[str, Any], *arguments: str) -> bytes:
    index, function = made["index"], made["function"]
    start = sent(made) | {"function": {"name": function["name"], "arguments": ""}}
    pieces = arguments or (function["arguments"],)
    deltas = (event("tool-call-delta", {"tool_calls": {"function": {"arguments": piece}}}, index) for piece in pieces)
    return (
        event("tool-call-start", {"tool_calls": start}, index) + b"".join(deltas) + event("tool-call-end", None, index)
    )


PLAN = event("tool-plan-delta", {"tool_plan": "I will"}, None) + event("tool-plan-delta", {"tool_plan": " look."}, None)

STORIES = {
    "text": BEGIN + said("text", "Hello", ", world.") + end("COMPLETE") + b"data: [DONE]\n\n",
    "reasoning": BEGIN + said("thinking", "Six times", " seven.") + said("text", "It is", " 42.") + end("COMPLETE"),
    "one_tool": BEGIN + PLAN + call(PARIS, '{"city":', '"Paris"}') + end("TOOL_CALL"),
    "two_tools": BEGIN + said("text", "I look.") + call(PARIS) + call(CLOCK) + end("TOOL_CALL"),
    "tool_round": BEGIN + said("text", "It is 18 °C", " in Paris.") + end("COMPLETE"),
}

SECOND_STEP = {
    "model": "command-a-03-2025",
    "messages": [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "What is the weather in Paris, and the time?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [sent(PARIS), sent(CLOCK)]},
        {"role": "tool", "tool_call_id": "call00001", "content": "18 °C"},
        {"role": "tool", "tool_call_id": "call00002", "content": "Error: The clock is broken."},
    ],
    "stream": True,
    "max_tokens": 100,
    "tools": TOOLS,
}
