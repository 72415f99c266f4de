"""The conversation that a run begins with, as its model is shown it."""

from __future__ import annotations

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
    instructions, conversation, limit = agent.instructions, request.messages, agent.history_limit
    if housekeeping:
        instructions, limit = "", None
    elif agent.context == "shown" and request.client_context:
        conversation = history.with_context(conversation, request.client_context)
    if len(conversation) < offload.MANY:
        return history.prepare(instructions, conversation, limit)
    with deadline:
        return await offload.run(history.prepare, instructions, conversation, limit)
