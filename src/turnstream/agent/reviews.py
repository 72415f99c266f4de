"""What a run waits for where a guardrail asks a person: for the request to go on to the model, or for the rest of a
step to be shown.

The question is asked about a call, as all are, which nobody makes: it only stands for what is held. That itself is in
the state of the question, of which no client sees anything; so whoever has the answer goes on with it, in any process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from turnstream import asks, conversation, errors, events, messages, protocols, requests, usage

REQUEST, ANSWER = "read_request", "show_answer"


class Held(Struct):
    """The rest of a step. ``shown`` is what is told after a yes, its `StepFinished` included, ``before`` what was shown
    of the step. ``step`` and ``calls`` are as the model said them."""

    shown: list[events.RunEvent]
    before: messages.AssistantMessage
    step: events.StepFinished
    calls: tuple[messages.ToolCall, ...]

    def deny(self) -> events.StepFinished:
        return msgspec.structs.replace(self.step, message=self.before, finish="content_filter")

    @property
    def client_calls(self) -> tuple[messages.ToolCall, ...]:
        own = {call.id for call in self.calls}
        return tuple(call for call in self.step.message.tool_calls if call.id not in own)


def of(guard: protocols.Guard) -> Sequence[protocols.Review]:
    """What is to be asked now; a guard of somebody's own that knows of no questions has none."""
    found: Sequence[protocols.Review] = getattr(guard, "reviews", ())
    return found


async def of_request(
    guardrails: protocols.Guardrails, request: requests.RunRequest, context: requests.RunContext
) -> Sequence[protocols.Review]:
    return await guardrails.review(request, context) if hasattr(guardrails, "review") else ()


def hold(guard: protocols.Guard, batch: Iterable[events.RunEvent]) -> Held:
    """``batch`` is the one with which the step ended, before the guard."""
    batch = list(batch)
    [step] = [event for event in batch if isinstance(event, events.StepFinished)]
    calls = [call for event in batch if isinstance(event, events.ToolCallsDetected) for call in event.tool_calls]
    return Held(guard.held(), guard.unfinished() or messages.AssistantMessage(()), step, tuple(calls))


def questions(
    reviews: Sequence[protocols.Review], name: str, step: int, now: float, held: Held | None = None
) -> tuple[list[messages.ToolCall], list[asks.Ask]]:
    """What is asked, and the calls that stand for it. The first has what is held."""
    calls, found = [], []
    for number, review in enumerate(reviews, 1):
        call = call_for(review, name, step, number)
        state: dict[str, Any] = {"text": review.held}
        if held is not None and number == 1:
            state["held"] = msgspec.to_builtins(held)
        until = None if review.expires is None else now + review.expires
        text = sentence(review, name)
        ask = asks.Ask(call.id, "review", text, by=review.by, source=review.guardrail, state=state, expires_at=until)
        calls.append(call)
        found.append(ask)
    return calls, found


def call_for(review: protocols.Review, name: str, step: int, number: int = 1) -> messages.ToolCall:
    arguments = msgspec.json.encode({"guardrail": review.guardrail}).decode()
    return messages.ToolCall(f"review_{step}_{number}", name, arguments)


def sentence(review: protocols.Review, name: str) -> str:
    if name == REQUEST:
        return f"The guardrail '{review.guardrail}' holds the request back. May the model read it?"
    return f"The guardrail '{review.guardrail}' holds the rest of the answer back. May it be shown?"


def is_approved(progress: conversation.Progress) -> bool | None:
    """What was said, None if nothing is to be said."""
    if not progress.reviews:
        return None
    return all(decision.action == "call" for decision in progress.reviews)


def read_held(progress: conversation.Progress) -> Held | None:
    """The rest of a step about which something was said."""
    if not progress.reviews or progress.held is None:
        return None
    return msgspec.convert(progress.held, Held)


def count_usage(progress: conversation.Progress) -> usage.Usage:
    """What the run has used, with the step that is held: it was counted when its model had said it."""
    held = read_held(progress)
    return progress.usage if held is None else progress.usage + held.step.usage


def refusal() -> errors.RequestError:
    text = "The request was not let in: a guardrail of this agent asks a person first, and nobody can be asked here."
    return errors.RequestError(text, code="content_filter")
