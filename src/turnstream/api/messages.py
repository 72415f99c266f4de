"""The bodies of Anthropic Messages requests, as data.

Unknown members are skipped. Only types are checked here, the meaning is in `turnstream.dialects`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Source(Struct, gc=False):
    """Where an image or a document is: ``base64``, ``url``, ``text``, ``content`` or ``file``."""

    type: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    file_id: str = ""
    content: Any = None


class Block(Struct, gc=False):
    """One content block; which members count depends on ``type``."""

    type: str
    text: str | None = None
    thinking: str | None = None
    source: Source | str | None = None
    title: str | None = None
    context: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    tool_name: str | None = None
    content: Any = None
    image_url: Any = None
    is_error: bool | None = None


class MessageParam(Struct, gc=False):
    role: str
    content: str | list[Block | str] | Block | None


class Tool(Struct):
    """``function`` holds the rest where a client writes it as chat completions do."""

    name: str = ""
    function: dict[str, Any] | None = None
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class ToolChoice(Struct):
    type: str
    name: str = ""
    disable_parallel_tool_use: bool | None = None


class MessagesRequest(Struct):
    """What ``POST /v1/messages`` takes. ``max_tokens`` may be missing."""

    messages: list[MessageParam]
    model: str | None = None
    max_tokens: int | float | None = None
    system: str | list[Block | str] | Block | None = None
    stream: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | str | None = None
    stop_sequences: str | list[str | None] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | float | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    output_format: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    mcp_servers: Any = None
