"""What a run adds to its conversation, as messages, from the events that a dialect sees."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from turnstream import events, messages
from turnstream.dialects.paragraphs import GAP


class Transcript:
    """``messages`` are complete after the terminal event. Calls whose results never came are for the next run to
    close. ``texts`` is what the model has said in the whole run, kept by the encoder."""

    def __init__(self, before: Sequence[messages.Message], texts: list[str]) -> None:
        self.messages = list(before)
        self.texts = texts
        self._told = len(texts)

    def take(self, event: events.RunEvent) -> None:
        match event:
            case events.ToolCallsDetected(tool_calls=calls) | events.ClientToolCalls(tool_calls=calls):
                self._say(*calls)
            case events.ToolResult(tool_call=call, output=output):
                self.messages.append(messages.ToolMessage(call.id, output.content, call.name, output.is_error))
            case events.RunFinished():
                self._say()
            case _:
                pass

    def _say(self, *calls: messages.AssistantPart) -> None:
        text = "".join(self.texts[self._told :]).removeprefix(GAP)
        self._told = len(self.texts)
        parts = (*((messages.TextPart(text),) if text else ()), *calls)
        if parts:
            self.messages.append(messages.AssistantMessage(parts))


class Conversations:
    """Conversations by name, the last used ``limit`` of them."""

    def __init__(self, limit: int = 1000) -> None:
        self._kept: OrderedDict[str, tuple[messages.Message, ...]] = OrderedDict()
        self._limit = limit

    def __getitem__(self, name: str) -> tuple[messages.Message, ...]:
        """Nothing for a name that is not known."""
        return self._kept.get(name, ())

    def keep(self, name: str, messages: Sequence[messages.Message]) -> None:
        self._kept[name] = tuple(messages)
        self._kept.move_to_end(name)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)
