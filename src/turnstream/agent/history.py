"""The conversation as the model is shown it: whole exchanges, every tool call answered, no answer without its call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from turnstream.events import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

_UNANSWERED = "No result: this call was not answered."


def prepare(instructions: str, messages: Sequence[Message], limit: int | None) -> tuple[Message, ...]:
    """The agent's instructions, then the client's messages, repaired and trimmed."""
    head: tuple[Message, ...] = (SystemMessage(instructions),) if instructions else ()
    return head + trimmed(repaired(messages), limit)


def repaired(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Drop tool messages that answer no call, add one for each call that nobody answered; vendors refuse both."""
    whole: list[Message] = []
    waiting: dict[str, ToolCall] = {}

    def settle() -> None:
        whole.extend(ToolMessage(call.id, _UNANSWERED, call.name, is_error=True) for call in waiting.values())
        waiting.clear()

    for message in messages:
        if isinstance(message, ToolMessage):
            if waiting.pop(message.tool_call_id, None) is not None:
                whole.append(message)
            continue
        settle()
        if isinstance(message, AssistantMessage):
            if not message.parts:
                continue
            waiting.update((call.id, call) for call in message.tool_calls)
        whole.append(message)
    settle()
    return tuple(whole)


def trimmed(messages: Sequence[Message], limit: int | None) -> tuple[Message, ...]:
    """At most ``limit`` messages, by leaving out the oldest exchanges: a user message with all that follows from it.

    System messages before the first exchange stay, and so does the last exchange, however long it is.
    """
    if limit is None or len(messages) <= limit:
        return tuple(messages)
    starts = [at for at, message in enumerate(messages) if _begins_exchange(messages, at)]
    first = next((at for at, message in enumerate(messages) if not isinstance(message, SystemMessage)), len(messages))
    head = tuple(messages[:first])
    for start in starts:
        if start >= first and len(head) + len(messages) - start <= limit:
            return head + tuple(messages[start:])
    return head + tuple(messages[max([first, *starts]) :])


def _begins_exchange(messages: Sequence[Message], at: int) -> bool:
    """Several user messages in a row begin one exchange together."""
    return isinstance(messages[at], UserMessage) and not (at and isinstance(messages[at - 1], UserMessage))


def call_ids(messages: Iterable[Message]) -> set[str]:
    return {call.id for message in messages if isinstance(message, AssistantMessage) for call in message.tool_calls}


def tool_message(result: ToolResult) -> ToolMessage:
    call = result.tool_call
    return ToolMessage(call.id, result.output.content, call.name, result.output.is_error)
