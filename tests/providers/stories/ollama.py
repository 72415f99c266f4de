"""Ollama's own chat."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.providers.stories.chat import TOOLS
from turnstream.providers import ollama
from turnstream.providers.base import Settings

PROVIDER = ollama.PROVIDER
SETTINGS = Settings("qwen3", "http://127.0.0.1:11434")


def line(message: dict[str, Any] | None = None, **members: Any) -> bytes:
    whole = {"model": "qwen3", "message": {"role": "assistant", "content": "", **(message or {})}, "done": False}
    return msgspec.json.encode(whole | members) + b"\n"


def texts(*said: str) -> bytes:
    return b"".join(line({"content": text}) for text in said)


def call(ident: str, name: str, **arguments: str) -> dict[str, Any]:
    return {"id": ident, "function": {"name": name, "arguments": arguments}}


END = line(done=True, done_reason="stop", prompt_eval_count=10, eval_count=5, total_duration=7)
PARIS = call("call00001", "get_weather", city="Paris")
CLOCK = call("call00002", "get_time")

STORIES = {
    "text": texts("Hello", ", world.") + END,
    "reasoning": line({"thinking": "Six times"}) + line({"thinking": " seven."}) + texts("It is", " 42.") + END,
    "one_tool": line({"tool_calls": [PARIS]}) + END,
    "two_tools": texts("I look.") + line({"tool_calls": [PARIS]}) + line({"tool_calls": [CLOCK]}) + END,
    "tool_round": texts("It is 18 °C", " in Paris.") + END,
}

SECOND_STEP = {
    "model": "qwen3",
    "messages": [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "What is the weather in Paris, and the time?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [PARIS, CLOCK]},
        {"role": "tool", "content": "18 °C", "tool_call_id": "call00001", "tool_name": "get_weather"},
        {
            "role": "tool",
            "content": "Error: The clock is broken.",
            "tool_call_id": "call00002",
            "tool_name": "get_time",
        },
    ],
    "stream": True,
    "tools": TOOLS,
    "options": {"num_predict": 100},
}
