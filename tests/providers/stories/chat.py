"""The bytes of a chat completion stream, for the vendors whose chunks have that shape."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.providers.stories import TIME, WEATHER
from turnstream.events import ToolSpec

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def chunk(delta: dict[str, Any], finish: str | None = None, **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **members}


def data(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks)


def texts(*said: str) -> bytes:
    return data(*(chunk({"content": text}) for text in said))


def call(index: int, ident: str, name: str, arguments: str) -> dict[str, Any]:
    return {"index": index, "id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(spec: ToolSpec) -> dict[str, Any]:
    function = {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
    return {"type": "function", "function": function}


PARIS = call(0, "call00001", "get_weather", '{"city":"Paris"}')
CLOCK = call(1, "call00002", "get_time", "{}")
TOOLS = [tool(WEATHER), tool(TIME)]


def sent(made: dict[str, Any]) -> dict[str, Any]:
    """A call as it stands in the history."""
    return {key: value for key, value in made.items() if key != "index"}
