"""What ``turnstream parse`` prints of a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from turnstream import jsontext
from turnstream.parsing.text_calls.decoder import Decoder, Parsed, parse


def tools_of(text: str) -> list[dict[str, Any]] | None:
    """The tools of a JSON file: a list of OpenAI tool objects, or an object that has it as ``tools``; null is None.

    Raises ValueError, with a sentence that says what is wrong.
    """
    try:
        found = jsontext.decode_leniently(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if found is None:
        return None
    if isinstance(found, dict):
        found = found.get("tools", [found])
    if not isinstance(found, list) or not all(isinstance(tool, dict) for tool in found):
        raise ValueError("expected a list of OpenAI tool objects")
    return found


def report(
    text: str, format: str, tools: Iterable[Mapping[str, Any]] | None = None, *, cut: int | None = None,
    reasoning_open: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """``text``, ``reasoning``, ``tool_calls`` (name, arguments as JSON text) and ``malformed`` (name, reason, raw)."""
    return as_object(parse(text, format, tools, reasoning_open=reasoning_open, cut=cut))


def as_object(found: Parsed) -> dict[str, Any]:
    return {
        "text": found.text,
        "reasoning": found.reasoning,
        "tool_calls": [{"name": call.name, "arguments": call.arguments} for call in found.tool_calls],
        "malformed": [{"name": call.name, "reason": call.reason, "raw": call.raw} for call in found.malformed],
    }


def events(
    text: str, format: str, tools: Iterable[Mapping[str, Any]] | None = None, *, cut: int | None = None,
    reasoning_open: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """The events, in order, as the decoder gives them."""
    decoder = Decoder(format, tools, reasoning_open=reasoning_open)
    size = cut or max(len(text), 1)
    found = [event for start in range(0, len(text), size) for event in decoder.feed(text[start : start + size])]
    return [msgspec.to_builtins(event) for event in (*found, *decoder.close())]
