"""Run events to client bytes, request bodies to `RunRequest`: one file for each protocol that clients speak."""

from __future__ import annotations

from turnstream.dialects.a2a import A2A
from turnstream.dialects.ag_ui import AgUi
from turnstream.dialects.anthropic_messages import AnthropicMessages
from turnstream.dialects.base import Dialect
from turnstream.dialects.native import Native
from turnstream.dialects.openai_chat import ChatCompletions
from turnstream.dialects.openai_responses import Responses
from turnstream.dialects.orchestrate import Orchestrate
from turnstream.dialects.vercel import Vercel

# A row for each dialect. Where two share a path, the first whose route fits the request answers: rows with a header
# stand before rows without.
DIALECTS: tuple[type[Dialect], ...] = (
    Orchestrate,
    ChatCompletions,
    Responses,
    AgUi,
    Vercel,
    AnthropicMessages,
    A2A,
    Native,
)

__all__ = ["DIALECTS"]
