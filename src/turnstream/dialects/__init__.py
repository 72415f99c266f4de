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

# What a dialect may have besides; one that is in none of these is served as well.
RETRACTING = frozenset(dialect.name for dialect in (Native, Responses, AgUi, Vercel, A2A))
"""Their encoders know what a takeover of a kept run makes void (`events.RunResumed`)."""
CHATS = frozenset(dialect.name for dialect in (AgUi, Vercel))
"""A thread of theirs is the one chat of a front end."""
KEEPING = frozenset(dialect.name for dialect in (Responses, AgUi))
"""What they say of a run depends on whether it is kept (`base.ClientRequest.kept`)."""
NAMING = frozenset(dialect.name for dialect in (Responses, A2A))
"""A later request can name an answer of theirs, as `Encoder.snapshot` shows it."""

__all__ = ["CHATS", "DIALECTS", "KEEPING", "NAMING", "RETRACTING"]
