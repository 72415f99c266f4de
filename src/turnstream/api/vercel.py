"""The body of a Vercel AI SDK request, as data.

Unknown members are skipped. Only types are checked here, the meaning is in `turnstream.dialects`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Part(Struct, rename="camel"):
    """One part of a UI message; which members count depends on ``type``."""

    type: str
    text: str = ""
    url: str = ""
    media_type: str = ""
    filename: str | None = None
    tool_call_id: str = ""
    tool_name: str = ""
    state: str = ""
    input: Any = None
    output: Any = None
    error_text: str | None = None
    approval: dict[str, Any] | None = None


class UIMessage(Struct):
    """``content`` is what its text was called before the AI SDK 5."""

    role: str
    parts: list[Part] = []
    content: str | None = None


class Tool(Struct, rename="camel"):
    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    input_schema: dict[str, Any] | None = None


class ChatBody(Struct):
    """The body that the AI SDK's transport sends, and ``tools``, for front ends that run some themselves."""

    messages: list[UIMessage]
    id: str | None = None
    tools: list[Tool] | None = None
