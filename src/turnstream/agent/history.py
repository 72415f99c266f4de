"""The conversation as the model is shown it: whole exchanges, every tool call answered, no answer without its call."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from math import inf
from operator import itemgetter
from typing import Any

from turnstream import messages

UNANSWERED = "No result: this call was not answered."


def prepare(
    instructions: str, conversation: Sequence[messages.Message], limit: int | None
) -> tuple[messages.Message, ...]:
    """The agent's instructions, then the client's messages, repaired and trimmed."""
    whole = repair(conversation)
    if limit is not None:
        whole = trim(whole, limit)
    return (messages.SystemMessage(instructions), *whole) if instructions else whole


def with_context(conversation: Sequence[messages.Message], context: str) -> tuple[messages.Message, ...]:
    """With what the client's page shows, before the last thing that its user says. It is not the operator's word, so it
    is not an instruction, and not the user's, so it is a message of its own."""
    if not context:
        return tuple(conversation)
    users = [at for at, message in enumerate(conversation) if isinstance(message, messages.UserMessage)]
    if not users:
        return tuple(conversation)
    return (*conversation[: users[-1]], messages.UserMessage(context), *conversation[users[-1] :])


def repair(conversation: Iterable[messages.Message]) -> tuple[messages.Message, ...]:
    """Every call directly followed by its results, wherever they stood; vendors refuse anything else.

    Results are paired by id. A tool message that answers no call is dropped; a call that nobody answered gets a result
    that says so.
    """
    given = tuple(conversation)
    return given if _is_whole(given) else pair(given)


def pair(given: Sequence[messages.Message]) -> tuple[messages.Message, ...]:
    """`repair`, for a conversation that needs it."""
    answers = _Answers(given)
    whole: list[messages.Message] = []
    for at, message in enumerate(given):
        if isinstance(message, messages.ToolMessage) or (
            isinstance(message, messages.AssistantMessage) and not message.parts
        ):
            continue
        whole.append(message)
        if isinstance(message, messages.AssistantMessage):
            whole += answers.to(message.tool_calls, at)
    return tuple(whole)


def _is_whole(conversation: Sequence[messages.Message]) -> bool:
    """Whether each call is directly followed by its result, in the order of the calls, as nearly always."""
    due: list[str] = []  # the results that must follow, the last first
    message: Any  # to ask for its type once costs less than to match it
    for message in conversation:
        kind = type(message)
        if kind is messages.ToolMessage:
            if not due or due.pop() != message.tool_call_id:
                return False
        elif due:
            return False
        elif kind is messages.AssistantMessage:
            parts = message.parts
            if len(parts) == 1:
                if type(parts[0]) is messages.ToolCall:
                    due.append(parts[0].id)
                continue
            due = [part.id for part in parts[::-1] if type(part) is messages.ToolCall]
            if not parts or (len(due) > 1 and len(set(due)) < len(due)):
                return False
    return not due


class _Answers:
    """The tool messages of a conversation, each given out once.

    Some models number their calls from 0 in each step, so an id may come again: a call's result is the first one
    between it and the next call of that id, else one that stands before all calls of that id.
    """

    def __init__(self, conversation: Sequence[messages.Message]) -> None:
        self._results: dict[str, deque[tuple[int, messages.ToolMessage]]] = {}
        self._calls: dict[str, deque[int]] = {}
        for at, message in enumerate(conversation):
            if isinstance(message, messages.ToolMessage):
                self._results.setdefault(message.tool_call_id, deque()).append((at, message))
            elif isinstance(message, messages.AssistantMessage):
                for call in message.tool_calls:
                    self._calls.setdefault(call.id, deque()).append(at)

    def to(self, calls: Sequence[messages.ToolCall], at: int) -> list[messages.ToolMessage]:
        """The results of the calls of the message at that place, in the order in which they stood."""
        found = [self._answer(call, at) for call in calls]
        return [message for _, message in sorted(found, key=itemgetter(0))]

    def _answer(self, call: messages.ToolCall, at: int) -> tuple[float, messages.ToolMessage]:
        calls, results = self._calls[call.id], self._results.get(call.id, deque())
        calls.popleft()
        end = calls[0] if calls else inf
        early = results.popleft() if results and results[0][0] < at else None
        while results and results[0][0] < at:
            results.popleft()
        if results and results[0][0] < max(end, at + 1):
            return results.popleft()
        return early or (inf, messages.ToolMessage(call.id, UNANSWERED, call.name, is_error=True))


def trim(conversation: Sequence[messages.Message], limit: int | None) -> tuple[messages.Message, ...]:
    """At most ``limit`` messages, by leaving out the oldest exchanges: a user message with all that follows from it.

    System messages before the first exchange stay, and so does the last exchange, however long it is.
    """
    if limit is None or len(conversation) <= limit:
        return tuple(conversation)
    starts = [at for at, message in enumerate(conversation) if _begins_exchange(conversation, at)]
    first = next(
        (at for at, message in enumerate(conversation) if not isinstance(message, messages.SystemMessage)),
        len(conversation),
    )
    head = tuple(conversation[:first])
    for start in starts:
        if start >= first and len(head) + len(conversation) - start <= limit:
            return head + tuple(conversation[start:])
    return head + tuple(conversation[max([first, *starts]) :])


def _begins_exchange(conversation: Sequence[messages.Message], at: int) -> bool:
    """Several user messages in a row begin one exchange together."""
    return isinstance(conversation[at], messages.UserMessage) and not (
        at and isinstance(conversation[at - 1], messages.UserMessage)
    )


def call_ids(conversation: Iterable[messages.Message]) -> set[str]:
    answers = (message for message in conversation if type(message) is messages.AssistantMessage)
    return {part.id for message in answers for part in message.parts if type(part) is messages.ToolCall}
