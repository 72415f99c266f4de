"""What an agent lets in and out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from msgspec import Struct

from turnstream import events, messages, requests


class Review(Struct, frozen=True):
    """What a guardrail holds back until a person has agreed to it, as that is to be judged. ``by`` is who may, see
    `asks.Ask`; ``expires`` are the seconds for it, None: as many as for any question."""

    guardrail: str
    held: str
    by: str = ""
    expires: float | None = None


class Guard(Protocol):
    """Stands between the events of one run and whoever reads them."""

    @property
    def stopped(self) -> events.FinishReason | None:
        """Why the run must end; None while it may go on."""
        ...

    @property
    def reviews(self) -> Sequence[Review]:
        """What has to be agreed to before the run goes on: its step is finished, and the rest of that is held."""
        ...

    def held(self) -> list[events.RunEvent]:
        """That rest."""
        ...

    def decide(self, approved: bool) -> list[events.RunEvent]:
        """What may be shown then. After a no it has stopped."""
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

    async def review(self, request: requests.RunRequest, context: requests.RunContext) -> Sequence[Review]:
        """What of the request, as it was let in, a person has to agree to before the model sees it."""
        ...

    def watch(self, context: requests.RunContext) -> Guard | None:
        """None if the events of a run may be read as they are."""
        ...
