"""Calls of the client's tools in chat completions, in the form in which the client declared the tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from turnstream import messages
from turnstream.dialects import openai_responses_items


class Calls(NamedTuple):
    """How the client knows its tools: as ``functions`` (``old``: an answer has one call at most), and the names of
    those that take a text."""

    old: bool = False
    custom: frozenset[str] = frozenset()

    @property
    def reason(self) -> str:
        return "function_call" if self.old else "tool_calls"

    def members(self, calls: Sequence[messages.ToolCall]) -> dict[str, Any]:
        """Those of a message."""
        if self.old:
            return {"function_call": _call_object(calls[0])["function"]}
        return {"tool_calls": [self.object(call) for call in calls]}

    def object(self, call: messages.ToolCall) -> dict[str, Any]:
        made = _call_object(call)
        if call.name not in self.custom:
            return made
        custom = {"name": call.name, "input": openai_responses_items.custom_input(call.arguments)}
        return {"id": call.id, "type": "custom", "custom": custom}


def _call_object(call: messages.ToolCall) -> dict[str, Any]:
    made = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments or "{}"},
    }
    return made if call.extra is None else {**made, "extra_content": call.extra}
