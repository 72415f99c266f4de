"""The body of ``POST /v1/runs`` (docs/runs.md)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from turnstream.api.chat_completions import ChatMessage, Tool


class RunBody(Struct):
    """``messages`` are those of chat completions, and the whole conversation; ``input`` is one user message, which goes
    on with ``thread`` where one is named."""

    agent: str | None = None
    messages: list[ChatMessage] | None = None
    input: str | None = None
    thread: str | None = None
    stream: bool = False
    tools: list[Tool] | None = None
    user: str | None = None
    context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
