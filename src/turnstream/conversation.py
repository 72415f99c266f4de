"""What a run adds to its conversation: a fold over the run's events.

Nothing is rebuilt from what clients were shown. An answer is the message of its `StepFinished`, with the items that
only its provider understands; the results of its tools follow it, in call order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from turnstream import asks, events, usage
from turnstream.messages import Message, ToolCall, ToolMessage  # by name: a field is called ``messages``


class Progress(Struct, frozen=True):
    """How far a run is that is kept: what its log says to the owner who goes on with it. A run that has not begun has
    the default.

    ``messages`` are those that it added to the conversation in ``steps`` finished steps. What follows the last of these
    may be unfinished: ``calls`` are the tool calls that it left to the run, ``results`` those that have been answered
    one by one, ``executed`` says that all of them are. ``begun`` are the ids of calls that must not happen twice and
    may have happened. ``answered`` are the client's calls that it has answered since. ``replies`` and ``decisions`` are
    what was answered, by the ids of the agent's calls that waited for it, and ``states`` what their asks held;
    ``approved`` are the calls that may be made, each with who had to say so (`asks.Ask.by`). ``partial`` is the text of
    the next step that was shown and stays: the model goes on with it. ``reviews`` is what was said of what a guardrail
    held back: the rest of the next step, which is ``held``, or the request, where nothing is.
    """

    messages: tuple[Message, ...] = ()
    steps: int = 0
    usage: usage.Usage = usage.Usage()
    last: events.StepFinished | None = None
    calls: tuple[ToolCall, ...] = ()
    results: Mapping[str, events.ToolResult] = {}
    executed: bool = False
    begun: frozenset[str] = frozenset()
    answered: tuple[ToolCall, ...] = ()
    replies: Mapping[str, ToolMessage] = {}
    decisions: Mapping[str, asks.Decision] = {}
    states: Mapping[str, Any] = {}
    approved: frozenset[tuple[str, str]] = frozenset()
    partial: str = ""
    reviews: tuple[asks.Decision, ...] = ()
    held: Any = None

    @property
    def client_calls(self) -> tuple[ToolCall, ...]:
        """The calls of the last step that were left to the client."""
        if self.last is None or self.answered:
            return ()
        taken = {call.id for call in self.calls}
        return tuple(call for call in self.last.message.tool_calls if call.id not in taken)

    @property
    def has_results(self) -> bool:
        """Whether a tool has answered in this run."""
        return bool(self.results) or any(isinstance(message, ToolMessage) for message in self.messages)


class Fold:
    """``messages`` are complete after the terminal event. ``unfinished`` is the text of the step that was broken off,
    "" where the last step finished."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._texts: list[str] = []

    def feed(self, batch: Iterable[events.RunEvent]) -> None:
        for event in batch:
            match event:
                case events.TextDelta(text=text):
                    self._texts.append(text)
                case events.StepFinished(message=message):
                    self._texts.clear()
                    if message.parts:
                        self.messages.append(message)
                case events.ToolsExecuted(results=results):
                    self.messages += map(tool_message, results)
                case _:
                    pass

    @property
    def unfinished(self) -> str:
        return "".join(self._texts)


def tool_message(result: events.ToolResult) -> ToolMessage:
    """The result as the model reads it."""
    call, output = result.tool_call, result.output
    return ToolMessage(call.id, output.content, call.name, output.is_error)
