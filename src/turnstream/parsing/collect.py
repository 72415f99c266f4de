"""One model call's events, collected: what was said, what is asked for, what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from turnstream import events, messages, usage

_TEXTS = {events.TextDelta: "text", events.ReasoningDelta: "reasoning", events.RefusalDelta: "refusal"}
_MOST_LOOSE = 16  # a text of its own takes 50 bytes besides its characters, and a token has four


class Collector:
    """Builds the assistant message of one model call; how its deltas were cut never matters.

    ``size`` counts the characters of all that was said, arguments included.
    """

    __slots__ = ("_calls", "_parts", "_texts", "finish", "size", "usage")

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[_Piece] = []
        self._texts: list[str] | None = None  # of the last part, if that is a text
        self._calls: dict[int, _Call] = {}
        self.usage: usage.Usage | None = None
        self.finish: events.Finish | None = None

    def feed(self, batch: Sequence[events.ModelEvent]) -> None:
        if len(batch) == 1 and self._texts is not None and type(event := batch[0]) is events.TextDelta:  # most batches
            self._texts.append(text := event.text)
            self.size += len(text)
        else:
            for kind, alike in groupby(batch, type):  # an answer that comes at once is a hundred texts and its end
                if kind in _TEXTS:
                    self._append(_TEXTS[kind], "".join(map(events.text_of, alike)))
                else:
                    self._add(kind, alike)
        if self._parts and len(self._parts[-1].texts) > _MOST_LOOSE:
            self._parts[-1].pack()

    def _add(self, kind: type[events.ModelEvent], alike: Iterable[Any]) -> None:
        for event in alike:
            if kind is events.ToolCallDelta:
                call = self._calls.get(event.index) or self._begin_call(event.index)
                call.arguments.append(event.arguments)
                self.size += len(event.arguments)
            elif kind is events.UsageReport:
                self.usage = event.usage
            elif kind is events.Finish:
                self.finish = event
            elif kind is events.ToolCallStart:
                call = self._calls.get(event.index) or self._begin_call(event.index)
                call.id, call.name, call.extra = event.id, event.name, event.extra
            elif kind is events.ToolCallMalformed:
                call = self._calls.get(event.index) or self._begin_call(event.index)
                call.malformed, call.raw = event.reason, event.raw
                self.size += len(event.raw)
            elif kind is events.ItemAdded:
                self._parts.append(_Piece("item", [], event.item))
                self._texts = None  # hosted tools and sources are shown, not kept: the vendor has them in its own items

    def _append(self, kind: str, text: str) -> None:
        self.size += len(text)
        if self._parts and self._parts[-1].kind == kind:
            self._parts[-1].texts.append(text)
        else:
            self._parts.append(_Piece(kind, [text]))
        self._texts = self._parts[-1].texts if kind == "text" else None

    def _begin_call(self, index: int) -> _Call:
        call = self._calls[index] = _Call()
        self._parts.append(_Piece("call", [], call))
        self._texts = None
        return call

    @property
    def text(self) -> str:
        return self._join("text")

    @property
    def reasoning(self) -> str:
        return self._join("reasoning")

    @property
    def refusal(self) -> str:
        return self._join("refusal")

    def _join(self, kind: str) -> str:
        return "".join(piece.text for piece in self._parts if piece.kind == kind)

    @property
    def tool_calls(self) -> tuple[messages.ToolCall, ...]:
        return tuple(call.complete() for call in self._calls.values())

    def message(self) -> messages.AssistantMessage:
        """The answer as a message. A refusal is text there: the history has no other place for it."""
        return messages.AssistantMessage(tuple(map(_Piece.complete, self._parts)))

    @property
    def has_calls(self) -> bool:
        return bool(self._calls)


class _Call:
    __slots__ = ("arguments", "extra", "id", "malformed", "name", "raw")

    def __init__(self) -> None:
        self.id = self.name = self.raw = ""
        self.extra: dict[str, object] | None = None
        self.arguments: list[str] = []
        self.malformed: str | None = None

    def complete(self) -> messages.ToolCall:
        return messages.ToolCall(self.id, self.name, "".join(self.arguments) or self.raw, self.extra, self.malformed)


class _Piece:
    __slots__ = ("kind", "packed", "texts", "value")

    def __init__(self, kind: str, texts: list[str], value: object = None) -> None:
        self.kind, self.texts, self.value = kind, texts, value
        self.packed: list[str] = []

    def pack(self) -> None:
        self.packed.append("".join(self.texts))
        self.texts.clear()

    @property
    def text(self) -> str:
        return "".join([*self.packed, *self.texts])

    def complete(self) -> messages.AssistantPart:
        if self.value is None:  # nearly always
            return messages.ReasoningPart(self.text) if self.kind == "reasoning" else messages.TextPart(self.text)
        if isinstance(self.value, _Call):
            return self.value.complete()
        return self.value  # type: ignore[return-value]
