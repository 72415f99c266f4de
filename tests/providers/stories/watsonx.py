"""IBM watsonx.ai's chat stream."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.providers.stories.chat import CLOCK, PARIS, TOOLS, USAGE, chunk, sent
from turnstream.providers import watsonx
from turnstream.providers.base import Settings

PROVIDER = watsonx.PROVIDER
SETTINGS = Settings(
    "ibm/granite-4-h-small", "https://us-south.ml.cloud.ibm.com", "token", quirks={"project_id": "p", "auth": "token"}
)


def events(*chunks: dict[str, Any]) -> bytes:
    found = (b"id: 1\nevent: message\ndata: " + msgspec.json.encode(piece) + b"\n\n" for piece in chunks)
    return b"".join(found)


def texts(*said: str) -> bytes:
    return events(*(chunk({"content": text}) for text in said))


BEGIN = events(chunk({"role": "assistant", "content": ""}, system={"warnings": [{"id": "w", "message": "m"}]}))
COUNTED = events({"id": "c1", "choices": [], "usage": USAGE})
STOP = events(chunk({"content": ""}, "stop"))
CLOSE = b"id: 9\nevent: close\ndata: {}\n\n"


def later(arguments: str) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": 0, "function": {"name": "", "arguments": arguments}}]})


STORIES = {
    "text": BEGIN + texts("Hello", ", world.") + STOP + COUNTED,
    "reasoning": BEGIN
    + events(chunk({"reasoning_content": "Six times"}), chunk({"reasoning_content": " seven."}))
    + texts("It is", " 42.")
    + STOP
    + COUNTED
    + CLOSE,
    "one_tool": BEGIN
    + events(chunk({"tool_calls": [PARIS | {"function": {"name": "get_weather", "arguments": ""}}]}))
    + events(later('{"city":'), later('"Paris"}'), chunk({}, "tool_calls"))
    + COUNTED,
    "two_tools": BEGIN
    + texts("I look.")
    + events(chunk({"tool_calls": [PARIS]}), chunk({"tool_calls": [CLOCK]}, "tool_calls", usage=USAGE)),
    "tool_round": BEGIN + texts("It is 18 °C", " in Paris.") + STOP + COUNTED,
}

SECOND_STEP = {
    "model_id": "ibm/granite-4-h-small",
    "project_id": "p",
    "messages": [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "What is the weather in Paris, and the time?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [sent(PARIS), sent(CLOCK)]},
        {"role": "tool", "tool_call_id": "call00001", "content": "18 °C"},
        {"role": "tool", "tool_call_id": "call00002", "content": "Error: The clock is broken."},
    ],
    "tools": TOOLS,
    "max_completion_tokens": 100,
}
