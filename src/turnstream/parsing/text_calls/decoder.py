"""The public door: a `Decoder` for streams, `parse` for whole texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from turnstream import events
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
        self._parse = Parse(Tools(tools), policy)
        self._steps = (
            machine.read(self._parse, chosen, reasoning_open)
            if chosen.root is None
            else chosen.root(self._parse, reasoning_open)
        )
        self._over = False
        next(self._steps)

    def feed(self, text: str) -> list[events.ModelEvent]:
        """What can be said now."""
        parse = self._parse
        idle = parse.reader.idle
        if idle is not None and text and idle(text) is None:
            if parse.reader.sink is not None:
                parse.reader.pass_by(text)
                parse.reader.sink(text)
                return parse.take()
            if parse.out.steady and not text[-1].isspace():
                parse.out.note_passed(text)
                return [parse.reader.plain(text)]
        parse.reader.feed(text)
        if not self._over:
            try:
                next(self._steps)
            except StopIteration:
                self._over = True
        return parse.take()

    def close(self) -> list[events.ModelEvent]:
        """The stream is over: the rest. A call that is open is reported as malformed. May be called again."""
        parse = self._parse
        parse.reader.ended = True
        if not self._over:
            self._over = True
            for _ in self._steps:
                raise AssertionError("the parser waits after the end")
            parse.out.end()
        return parse.take()


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
    said: list[events.ModelEvent] = []
    for start in range(0, len(text), size):
        said += decoder.feed(text[start : start + size])
    return gather(said + decoder.close())


def gather(said: Iterable[events.ModelEvent]) -> Parsed:
    """The events of one answer, put together."""
    text: list[str] = []
    reasoning: list[str] = []
    names: dict[int, str] = {}
    arguments: dict[int, list[str]] = {}
    broken: dict[int, events.ToolCallMalformed] = {}
    for event in said:
        match event:
            case events.TextDelta():
                text.append(event.text)
            case events.ReasoningDelta():
                reasoning.append(event.text)
            case events.ToolCallStart():
                names[event.index] = event.name
            case events.ToolCallDelta():
                arguments.setdefault(event.index, []).append(event.arguments)
            case events.ToolCallMalformed():
                broken[event.index] = event
    return Parsed(
        "".join(text),
        "".join(reasoning),
        tuple(Call(name, "".join(arguments.get(i, ()))) for i, name in names.items() if i not in broken),
        tuple(Broken(names.get(i, ""), event.reason, event.raw) for i, event in broken.items()),
    )
