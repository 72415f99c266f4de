"""What an agent lets in and out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from turnstream import events, messages, requests


class Guard(Protocol):
    """Stands between the events of one run and whoever reads them."""

    @property
    def stopped(self) -> events.FinishReason | None:
        """Why the run must end; None while it may go on."""
        ...

    def feed(self, batch: list[events.RunEvent]) -> AsyncGenerator[list[events.RunEvent]]:
        """What may be shown of the batch, and of what was held back before. Never raises."""
        ...

    def unfinished(self) -> messages.AssistantMessage | None:
        """What was shown of the step that was stopped, if no `StepFinished` has told it."""
        ...


class Guardrails(Protocol):
    """What an agent lets in and out."""

    async def admit(self, request: requests.RunRequest, context: requests.RunContext) -> requests.RunRequest:
        """The request as the run may see it. Raises `RequestError` for one that is refused."""
        ...

    def watch(self, context: requests.RunContext) -> Guard | None:
        """None if the events of a run may be read as they are."""
        ...
