"""Azure's chat completions."""

from __future__ import annotations

from typing import Any

from tests.providers.stories.chat import CLOCK, PARIS, TOOLS, USAGE, chunk, data, sent, texts
from turnstream.providers import azure
from turnstream.providers.base import Settings

PROVIDER = azure.PROVIDER
SETTINGS = Settings("my-gpt", "https://me.openai.azure.com", "key")

VERDICT = {"content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}
BEGIN = data({"id": "", "model": "", "object": "", "choices": [], "prompt_filter_results": [VERDICT]})
DONE = b"data: [DONE]\n\n"


def end(reason: str) -> bytes:
    judged: dict[str, Any] = {"id": "", "choices": [{"index": 0, "finish_reason": None, **VERDICT}]}
    return data(chunk({}, reason), judged, {"id": "c1", "choices": [], "usage": USAGE}) + DONE


STORIES = {
    "text": BEGIN + texts("Hello", ", world.") + end("stop"),
    "reasoning": BEGIN
    + data(chunk({"reasoning_content": "Six times"}), chunk({"reasoning_content": " seven.", "content": None}))
    + texts("It is", " 42.")
    + end("stop"),
    "one_tool": BEGIN + data(chunk({"tool_calls": [PARIS]})) + end("tool_calls"),
    "two_tools": BEGIN
    + texts("I look.")
    + data(chunk({"tool_calls": [PARIS]}), chunk({"tool_calls": [CLOCK]}))
    + end("stop"),
    "tool_round": BEGIN + texts("It is 18 °C", " in Paris.") + end("stop"),
}

SECOND_STEP = {
    "model": "my-gpt",
    "messages": [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "What is the weather in Paris, and the time?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [sent(PARIS), sent(CLOCK)]},
        {"role": "tool", "tool_call_id": "call00001", "content": "18 °C"},
        {"role": "tool", "tool_call_id": "call00002", "content": "Error: The clock is broken."},
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
    "tools": TOOLS,
    "max_completion_tokens": 100,
}
