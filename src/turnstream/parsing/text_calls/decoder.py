"""The public door: a `Decoder` for streams, `parse` for whole texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from turnstream.events import (
    ModelEvent,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallMalformed,
    ToolCallStart,
)
from turnstream.parsing.text_calls import machine
from turnstream.parsing.text_calls.format import Format
from turnstream.parsing.text_calls.formats import FORMATS
from turnstream.parsing.text_calls.policy import DEFAULT, Policy
from turnstream.parsing.text_calls.schema import Tools
from turnstream.parsing.text_calls.state import Parse


class Decoder:
    """Reads one model answer: pieces of text in, text, reasoning and tool-call events out.

    ``format`` is a name of `FORMATS` or a `Format`; ``tools`` are the offered tools as OpenAI tool objects, None if
    they are not known. With ``reasoning_open`` the prompt ended within the model's reasoning. Raises KeyError for an
    unknown format.
    """

    def __init__(
        self,
        format: str | Format,
        tools: Iterable[Mapping[str, Any]] | None = None,
        *,
        reasoning_open: bool = False,
        policy: Policy = DEFAULT,
    ) -> None:
        chosen = FORMATS[format] if isinstance(format, str) else format
        self._answer = Parse(chosen, Tools(tools), policy)
        self._steps = (chosen.root or machine.read)(self._answer, reasoning_open)
        self._over = False
        next(self._steps)

    def feed(self, text: str) -> list[ModelEvent]:
        """What can be said now."""
        answer = self._answer
        idle = answer.reader.idle
        if idle is not None and answer.out.steady and text and idle(text) is None:
            if answer.reader.plain is TextDelta:
                answer.out.passed(text)
            return [answer.reader.plain(text)]
        answer.reader.feed(text)
        if not self._over:
            try:
                next(self._steps)
            except StopIteration:
                self._over = True
        return answer.out.take()

    def close(self) -> list[ModelEvent]:
        """The stream is over: the rest. A call that is open is reported as malformed. May be called again."""
        answer = self._answer
        answer.reader.ended = True
        if not self._over:
            self._over = True
            for _ in self._steps:
                raise AssertionError("the parser waits after the end")
            answer.out.end()
        return answer.out.take()


@dataclass(frozen=True, slots=True)
class Call:
    """``arguments`` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A call that must not be executed: why, and the model's own text of it. ``name`` is "" if none was found."""

    name: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Parsed:
    text: str
    reasoning: str
    tool_calls: tuple[Call, ...]
    malformed: tuple[Broken, ...]


def parse(
    text: str,
    format: str | Format,
    tools: Iterable[Mapping[str, Any]] | None = None,
    *,
    reasoning_open: bool = False,
    cut: int | None = None,
    policy: Policy = DEFAULT,
) -> Parsed:
    """Read a whole answer; with ``cut`` in pieces of so many characters, which changes nothing."""
    decoder = Decoder(format, tools, reasoning_open=reasoning_open, policy=policy)
    size = cut or max(len(text), 1)
    events: list[ModelEvent] = []
    for start in range(0, len(text), size):
        events += decoder.feed(text[start : start + size])
    return gathered(events + decoder.close())


def gathered(events: Iterable[ModelEvent]) -> Parsed:
    """The events of one answer, put together."""
    text: list[str] = []
    reasoning: list[str] = []
    names: dict[int, str] = {}
    arguments: dict[int, list[str]] = {}
    broken: dict[int, ToolCallMalformed] = {}
    for event in events:
        match event:
            case TextDelta():
                text.append(event.text)
            case ReasoningDelta():
                reasoning.append(event.text)
            case ToolCallStart():
                names[event.index] = event.name
            case ToolCallDelta():
                arguments.setdefault(event.index, []).append(event.arguments)
            case ToolCallMalformed():
                broken[event.index] = event
    return Parsed(
        "".join(text),
        "".join(reasoning),
        tuple(Call(name, "".join(arguments.get(i, ()))) for i, name in names.items() if i not in broken),
        tuple(Broken(names.get(i, ""), event.reason, event.raw) for i, event in broken.items()),
    )
