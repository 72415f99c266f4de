"""Run events to client bytes, request bodies to `RunRequest`: one file for each protocol that clients speak."""

from __future__ import annotations

from turnstream.dialects.base import Dialect
from turnstream.dialects.openai_chat import ChatCompletions
from turnstream.dialects.orchestrate import Orchestrate

# A row for each dialect. Where two share a path, the first whose route fits the request answers: rows with a header
# stand before rows without.
DIALECTS: tuple[type[Dialect], ...] = (Orchestrate, ChatCompletions)

__all__ = ["DIALECTS"]
