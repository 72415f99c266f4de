"""What the tests of kinds share: some tools, and a reading as a tuple that can be compared."""

from __future__ import annotations

import json
from typing import Any

from turnstream.parsing.text_calls import Policy, parse


def _tool(name: str, *required: str, **types: Any) -> dict[str, Any]:
    properties = {key: {"type": value} if isinstance(value, str) else value for key, value in types.items()}
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [
    _tool("weather", "city", city="string", days="integer"),
    _tool("shell", "cmd", cmd="string", wait="number"),
    _tool("save", "file", file="string", body="string"),
    _tool("now"),
    _tool("dial", number="string", extension="integer", loud="boolean"),
    _tool("tag", words={"type": "array", "items": {"type": "string"}}, note={"type": ["string", "null"]}),
    _tool("open door", room="string"),
]

Reading = tuple[str, list[tuple[str, Any]], int]
"""The text with white space made one blank, the calls, and how many were malformed."""


def squeezed(text: str) -> str:
    return " ".join(text.split())


def reading(
    text: str, format: str, tools: list[dict[str, Any]] | None = TOOLS, *, policy: Policy | None = None,
    reasoning_open: bool = False,
) -> Reading:  # fmt: skip
    """What is read of the whole text, which is also what is read of it in pieces."""
    found = [
        parse(text, format, tools, cut=cut, policy=policy or Policy(), reasoning_open=reasoning_open)
        for cut in (None, 1, 3, 7)
    ]
    assert found[1:] == found[:1] * 3
    calls = [(call.name, json.loads(call.arguments)) for call in found[0].tool_calls]
    return squeezed(found[0].text), calls, len(found[0].malformed)


def untouched(text: str, format: str, tools: list[dict[str, Any]] | None = TOOLS) -> bool:
    """Whether the text comes out as it went in, character for character."""
    found = [parse(text, format, tools, cut=cut) for cut in (None, 1, 3, 7)]
    return all((one.text, one.reasoning, one.tool_calls, one.malformed) == (text, "", (), ()) for one in found)
