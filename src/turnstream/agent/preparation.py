"""The conversation that a run begins with, as its model is shown it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from turnstream import messages, offload, requests
from turnstream.agent import history
from turnstream.agent.deadline import Deadline

if TYPE_CHECKING:
    from turnstream.agent.agent import Agent


async def prepare_history(
    agent: Agent, request: requests.RunRequest, deadline: Deadline, *, housekeeping: bool
) -> tuple[messages.Message, ...]:
    """The request's messages under the agent's instructions, within its limit. A front end's own question about the
    conversation (``housekeeping``) is answered as it stands."""
    if housekeeping:
        return await _prepare("", request.messages, None, deadline)
    shown = request.client_context if agent.context == "shown" else ""
    conversation = history.with_context(request.messages, shown)
    return await _prepare(agent.instructions, conversation, agent.history_limit, deadline)


async def _prepare(
    instructions: str, conversation: Sequence[messages.Message], limit: int | None, deadline: Deadline
) -> tuple[messages.Message, ...]:
    if len(conversation) < offload.MANY:
        return history.prepare(instructions, conversation, limit)
    with deadline:
        return await offload.run(history.prepare, instructions, conversation, limit)
