"""What a run that nobody keeps has told, for the moment in which it must be kept after all: when it begins to wait.

Nothing is recorded for each token: the text of a step is in the message that ends it.
"""

from __future__ import annotations

from collections.abc import Iterable

from turnstream import events, messages

_TOLD = frozenset(
    {
        events.StepStarted,
        events.StepFinished,
        events.ToolCallsDetected,
        events.ToolResult,
        events.SourceFound,
        events.ToolsExecuted,
        events.MaxStepsReached,
    }
)


class Record:
    """``told`` are the events that such a run's log has, but for the words of its steps."""

    __slots__ = ("told",)

    def __init__(self, started: events.RunStarted) -> None:
        self.told: list[events.LogEvent] = [started]

    @property
    def log(self) -> list[events.LogEvent]:
        """It begins as that of a kept run does."""
        log: list[events.LogEvent] = []
        for event in self.told:
            if isinstance(event, events.StepFinished):
                log += _words(event.message)
            log.append(event)
        return log

    def add_unfinished(self, message: messages.AssistantMessage) -> None:
        """What was shown of a step that is not finished."""
        self.told += _words(message)

    def add(self, batch: Iterable[events.RunEvent]) -> None:
        for event in batch:
            if type(event) in _TOLD:
                self.told.append(event)


def _words(message: messages.AssistantMessage) -> list[events.LogEvent]:
    deltas: list[events.LogEvent] = []
    for part in message.parts:
        match part:
            case messages.TextPart(text=text):
                deltas.append(events.TextDelta(text))
            case messages.ReasoningPart(text=text):
                deltas.append(events.ReasoningDelta(text))
            case _:
                pass
    return deltas
