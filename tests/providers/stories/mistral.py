"""Mistral's chat completions."""

from __future__ import annotations

from tests.providers.stories.chat import CLOCK, PARIS, TOOLS, USAGE, chunk, data, sent, texts
from turnstream.providers import mistral
from turnstream.providers.base import Settings

PROVIDER = mistral.PROVIDER
SETTINGS = Settings("mistral-small-latest", "https://api.mistral.ai/v1", "key")

BEGIN = data(chunk({"role": "assistant", "content": ""}))
DONE = b"data: [DONE]\n\n"
END = data(chunk({"content": ""}, "stop", usage=USAGE, p="abc")) + DONE


def thinking(text: str) -> dict[str, object]:
    return chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]})


STORIES = {
    "text": BEGIN + texts("Hello", ", world.") + END,
    "reasoning": BEGIN + data(thinking("Six times"), thinking(" seven.")) + texts("It is", " 42.") + END,
    "one_tool": BEGIN + data(chunk({"tool_calls": [sent(PARIS)]}, "tool_calls", usage=USAGE)) + DONE,
    "two_tools": BEGIN
    + texts("I look.")
    + data(chunk({"tool_calls": [PARIS, CLOCK]}, "tool_calls", usage=USAGE, p="abcdef"))
    + DONE,
    "tool_round": BEGIN + texts("It is 18 °C") + data(chunk({"content": " in Paris."}, "stop", usage=USAGE)) + DONE,
}

SECOND_STEP = {
    "model": "mistral-small-latest",
    "messages": [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "What is the weather in Paris, and the time?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [sent(PARIS), sent(CLOCK)]},
        {"role": "tool", "tool_call_id": "call00001", "content": "18 °C", "name": "get_weather"},
        {"role": "tool", "tool_call_id": "call00002", "content": "Error: The clock is broken.", "name": "get_time"},
    ],
    "stream": True,
    "tools": TOOLS,
    "max_tokens": 100,
}
