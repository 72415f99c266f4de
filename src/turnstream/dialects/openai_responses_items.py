"""The items of a Responses stream while they are open: how each kind is spelt, and its frames' members."""

from __future__ import annotations

from typing import Any, Literal

from turnstream import asks, jsontext, messages
from turnstream.dialects import openai_responses_tools as tools


class Kind:
    """How one kind of text is spelt: its item's prefix, its part's type, the member that holds the text, its events,
    and what numbers its parts."""

    def __init__(self, prefix: str, type: str, member: str, event: str, part_event: str, numbered_by: str) -> None:
        self.prefix, self.type, self.member, self.numbered_by = prefix, type, member, numbered_by
        self.delta, self.done = f"response.{event}.delta", f"response.{event}.done"
        self.part_added, self.part_done = f"response.{part_event}.added", f"response.{part_event}.done"

    def part(self, text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
        more = {"annotations": annotations, "logprobs": []} if self.type == "output_text" else {}
        return {"type": self.type, self.member: text, **more}


OUTPUT = Kind("msg", "output_text", "text", "output_text", "content_part", "content_index")
REFUSAL = Kind("msg", "refusal", "refusal", "refusal", "content_part", "content_index")
REASONING = Kind("rs", "summary_text", "text", "reasoning_summary_text", "reasoning_summary_part", "summary_index")


class Text:
    """A message or a reasoning item while its text comes."""

    def __init__(self, kind: Kind, id: str, index: int) -> None:
        self.kind, self.id, self.index = kind, id, index
        self.pieces: list[str] = []
        self.place = {"item_id": id, "output_index": index, kind.numbered_by: 0}
        logprobs: dict[str, Any] = {"logprobs": []} if kind is OUTPUT else {}
        head = jsontext.encode({"type": kind.delta, **self.place, **logprobs})
        self.head = b"event: " + kind.delta.encode() + b"\ndata: " + head[:-1] + b',"delta":'

    def object(self, status: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
        if self.kind is REASONING:
            return {"type": "reasoning", "id": self.id, "summary": parts, "status": status}
        return {"type": "message", "id": self.id, "role": "assistant", "content": parts, "status": status}


Shape = Literal["function", "custom", "mcp"]

_PREFIXES = {"function": "fc", "custom": "ctc", "mcp": "mcp"}
_EVENTS = {"function": "function_call_arguments", "custom": "custom_tool_call_input", "mcp": "mcp_call_arguments"}


class Call:
    """A call while it is written and, if the server runs it, until it is answered. ``client`` says whether the client
    runs it. A custom tool's text is known when its call is whole."""

    def __init__(
        self, shape: Shape, call_id: str, form: tools.Form, run_id: str, index: int, label: str, *, client: bool
    ) -> None:
        self.shape, self.call_id, self.form, self.index, self.label = shape, call_id, form, index, label
        self.client = client
        self.id = f"{_PREFIXES[shape]}_{run_id}_{index}"
        self.place = {"item_id": self.id, "output_index": index}
        self.delta = f"response.{_EVENTS[shape]}.delta"
        self.done = f"response.{_EVENTS[shape]}.done"
        self.written = ""

    def object(self, status: str, arguments: str = "", output: str | None = None, error: str | None = None) -> Any:
        name = self.form.name
        match self.shape:
            case "mcp":
                return {
                    "type": "mcp_call",
                    "id": self.id,
                    "server_label": self.label,
                    "name": name,
                    "arguments": arguments,
                    "output": output,
                    "error": None if error is None else _execution_error(error),
                    "approval_request_id": None,
                    "status": status,
                }
            case "custom":
                called = {"type": "custom_tool_call", "id": self.id, "call_id": self.call_id, "name": name}
                return {**called, **self._namespace, "input": custom_input(arguments), "status": status}
            case _:
                called = {"type": "function_call", "id": self.id, "call_id": self.call_id, "name": name}
                return {**called, **self._namespace, "arguments": arguments, "status": status}

    @property
    def _namespace(self) -> dict[str, str]:
        return {} if self.form.namespace is None else {"namespace": self.form.namespace}

    def describe_end(self, call: messages.ToolCall) -> dict[str, Any]:
        """The members of the event that says that the call is whole."""
        arguments = call.arguments or "{}"
        if self.shape == "custom":
            return {"input": custom_input(arguments)}
        return {"arguments": arguments, **({"name": self.form.name} if self.shape == "function" else {})}


APPROVAL = "mcpr_"


def approval_request(ask: asks.Ask, call: messages.ToolCall, label: str) -> dict[str, Any]:
    arguments = call.arguments or "{}"
    named = {"type": "mcp_approval_request", "id": f"{APPROVAL}{ask.code}", "server_label": label}
    return {**named, "name": call.name, "arguments": arguments}


def _execution_error(text: str) -> dict[str, Any]:
    return {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": text}]}


def custom_input(arguments: str) -> str:
    """The text of a custom tool's call, from the arguments of the function that stands for it."""
    try:
        return jsontext.decode(arguments, dict[str, str]).get(tools.CUSTOM_INPUT, arguments)
    except ValueError:
        return arguments
