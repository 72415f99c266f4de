"""The conversation that a run begins with, as its model is shown it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from turnstream import messages, requests
from turnstream.agent import history

if TYPE_CHECKING:
    from turnstream.agent.agent import Agent


def choose_history(
    agent: Agent, request: requests.RunRequest, *, housekeeping: bool
) -> tuple[str, Sequence[messages.Message], int | None]:
    """What `history.prepare` is given: the agent's instructions, the request's messages, the agent's limit. A front
    end's own question about the conversation (``housekeeping``) is answered as it stands."""
    if housekeeping:
        return "", request.messages, None
    conversation: Sequence[messages.Message] = request.messages
    if request.client_context and agent.context == "shown":
        conversation = history.with_context(conversation, request.client_context)
    return agent.instructions, conversation, agent.history_limit
