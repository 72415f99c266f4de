"""What a run adds to its conversation: a fold over the run's events.

Nothing is rebuilt from what clients were shown. An answer is the message of its `StepFinished`, with the items that
only its provider understands; the results of its tools follow it, in call order.
"""

from __future__ import annotations

from collections.abc import Iterable

from turnstream import events, messages


class Fold:
    """``messages`` are complete after the terminal event. ``unfinished`` is the text of the step that was broken off,
    "" where the last step finished."""

    def __init__(self) -> None:
        self.messages: list[messages.Message] = []
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


def tool_message(result: events.ToolResult) -> messages.ToolMessage:
    """The result as the model reads it."""
    call, output = result.tool_call, result.output
    return messages.ToolMessage(call.id, output.content, call.name, output.is_error)
