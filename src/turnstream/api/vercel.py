"""The body of a Vercel AI SDK request, as data.

Unknown members are skipped. Only types are checked here, the meaning is in `turnstream.dialects`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class Part(Struct, rename="camel"):
    """One part of a UI message; which members count depends on ``type``."""

    type: str
    text: str | None = None
    url: str | None = None
    media_type: str | None = None
    filename: str | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None
    state: str | None = None
    input: Any = None
    output: Any = None
    error_text: str | None = None
    approval: dict[str, Any] | None = None


class ToolInvocation(Struct, rename="camel"):
    """A call as the AI SDK 4 had it."""

    tool_call_id: str
    tool_name: str
    state: str = "call"
    args: Any = None
    result: Any = None


class Attachment(Struct, rename="camel"):
    """A file as the AI SDK 4 had it."""

    url: str
    content_type: str | None = None
    name: str | None = None


class UIMessage(Struct):
    """``content``, ``toolInvocations`` and ``experimental_attachments`` are what the AI SDK 4 has in place of parts."""

    role: str
    id: str | None = None
    parts: list[Part] | None = None
    content: Any = None
    tool_invocations: list[ToolInvocation] | None = field(default=None, name="toolInvocations")
    experimental_attachments: list[Attachment] | None = None


class Tool(Struct, rename="camel"):
    """Its name may be its key in an object of tools, as assistant-ui sends them."""

    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    input_schema: dict[str, Any] | None = None


class ChatBody(Struct):
    """The body that the AI SDK's transport sends, and ``tools``, for front ends that run some themselves."""

    messages: list[UIMessage]
    id: str | None = None
    tools: list[Tool] | dict[str, Tool] | None = None
    system: str | None = None
