"""The body of an AG-UI request, as data.

Unknown members are skipped. Only types are checked here, the meaning is in `turnstream.dialects`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class PartSource(Struct, rename="camel"):
    type: str
    value: str
    mime_type: str | None = None


class Part(Struct, rename="camel"):
    type: str
    text: str | None = None
    source: PartSource | None = None
    url: str | None = None
    data: str | None = None
    id: str | None = None
    mime_type: str | None = None
    filename: str | None = None


class Function(Struct):
    name: str
    arguments: str | dict[str, Any] | None = None


class MessageToolCall(Struct):
    id: str
    function: Function


class Message(Struct, rename="camel"):
    role: str
    content: Any = None
    name: str | None = None
    tool_calls: list[MessageToolCall] | None = None
    tool_call_id: str | None = None
    error: str | None = None


class Tool(Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Context(Struct):
    description: str
    value: Any


class ResumeEntry(Struct, rename="camel"):
    """An answer to one interrupt."""

    interrupt_id: str
    status: str
    payload: Any = None


class RunAgentInput(Struct, rename="camel"):
    """The body of ``POST /ag-ui/{agent}``."""

    thread_id: str
    run_id: str
    messages: list[Message]
    tools: list[Tool] | None = None
    context: list[Context] | None = None
    state: Any = None
    forwarded_props: Any = None
    resume: list[ResumeEntry] | None = None
