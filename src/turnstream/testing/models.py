"""Models for tests: one that follows a script, and one that plays a vendor's recorded bytes."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast

from msgspec import Struct

from turnstream import events, requests, usage
from turnstream.providers.base import Decoder
from turnstream.testing.pieces import cut


class Call(Struct, frozen=True):
    """A tool call in a script; its step gives it an index, and an id if it has none."""

    name: str
    arguments: str = "{}"
    id: str | None = None


Gate: TypeAlias = asyncio.Event | Awaitable[object] | Callable[[], Awaitable[object]]
Item: TypeAlias = events.ModelEvent | Call | Exception | Gate | Sequence[events.ModelEvent | Call]
Step: TypeAlias = str | Item | Sequence[str | Item]


def text(content: str) -> list[events.ModelEvent]:
    """The content as text deltas, a word each."""
    words = content.split(" ")
    return [events.TextDelta(word if position == 0 else f" {word}") for position, word in enumerate(words)]


def call(name: str, arguments: dict[str, Any] | str | None = None, *, id: str | None = None) -> Call:
    """A tool call; arguments that are a string are written as they are, be they JSON or not."""
    return Call(name, arguments if isinstance(arguments, str) else json.dumps(arguments or {}), id)


class ScriptedModel:
    """Answers its n-th model call with the n-th step, and keeps every request in ``requests``.

    A step is a text, a tool call, or a list of items that are given one after the other:

    - a text, which is given word by word;
    - an event, a `call`, or a list of them, which is one batch: what comes with one network read;
    - a gate, which is waited for: an `asyncio.Event`, an awaitable, or a function that gives one;
    - an exception, which is raised.

    A step without a `Finish` gets one, and a usage of 10 tokens in and 5 out. ``open`` is the number of answers that
    are being read now. A call beyond the script raises `AssertionError`, or with ``repeat`` gets the last step again.
    """

    def __init__(self, steps: Iterable[Step], *, name: str = "scripted", repeat: bool = False) -> None:
        self.name = name
        self.steps = list(steps)
        self.repeat = repeat
        self.requests: list[requests.ModelRequest] = []
        self.open = 0

    @asynccontextmanager
    async def stream(
        self, request: requests.ModelRequest, context: requests.RunContext | None = None
    ) -> AsyncIterator[_Script]:
        self.requests.append(request)
        number = len(self.requests)
        if number > len(self.steps) and not (self.repeat and self.steps):
            raise AssertionError(f"the script of {self.name} has {len(self.steps)} steps, this is model call {number}")
        self.open += 1
        try:
            yield _Script(_items(self.steps[min(number, len(self.steps)) - 1]), number)
        finally:
            self.open -= 1

    def __repr__(self) -> str:
        return f"ScriptedModel(name={self.name!r}, steps={len(self.steps)})"


def _items(step: Step) -> list[Item]:
    parts = step if isinstance(step, list | tuple) else (cast("Item | str", step),)
    items: list[Item] = []
    for part in parts:
        if isinstance(part, str):
            items += text(part)
        else:
            items.append(part)
    return items


class _Script:
    """One step being played."""

    def __init__(self, items: list[Item], number: int) -> None:
        self._items = iter(items)
        self._number = number
        self._calls = 0
        self._finished = False

    def __aiter__(self) -> _Script:
        return self

    async def __anext__(self) -> list[events.ModelEvent]:
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            if isinstance(item, Sequence):
                return [event for part in item for event in self._events(part)]
            if isinstance(item, Call | events.ModelEvent):
                return self._events(item)
            await _wait_for(item)
        if self._finished:
            raise StopAsyncIteration
        return self._events(events.UsageReport(usage.Usage(10, 5))) + self._events(
            events.Finish("tool_calls" if self._calls else "stop")
        )

    def _events(self, part: events.ModelEvent | Call) -> list[events.ModelEvent]:
        if not isinstance(part, Call):
            self._finished |= isinstance(part, events.Finish)
            self._calls += isinstance(part, events.ToolCallStart)
            return [part]
        index, self._calls = self._calls, self._calls + 1
        id = f"call_{self._number}_{index}" if part.id is None else part.id
        return [events.ToolCallStart(index, id, part.name), events.ToolCallDelta(index, part.arguments)]


async def _wait_for(gate: Gate) -> None:
    if isinstance(gate, asyncio.Event):
        await gate.wait()
    elif inspect.isawaitable(gate):
        await gate
    else:
        await gate()


class RecordedModel:
    """Plays recorded response bodies through a provider's decoder, the n-th body for the n-th model call.

    ``at`` says where the bodies are cut, as `cut` takes it; None feeds each whole. A call beyond the recordings raises
    `AssertionError`. Errors of the decoder are raised where they happen.
    """

    def __init__(
        self,
        decoder: Callable[[], Decoder],
        bodies: bytes | Iterable[bytes],
        *,
        at: int | Sequence[int] | None = None,
        name: str = "recorded",
    ) -> None:
        self.name = name
        self.requests: list[requests.ModelRequest] = []
        self._decoder = decoder
        self._bodies = [bodies] if isinstance(bodies, bytes) else list(bodies)
        self._at = at

    @asynccontextmanager
    async def stream(
        self, request: requests.ModelRequest, context: requests.RunContext | None = None
    ) -> AsyncIterator[_Recording]:
        self.requests.append(request)
        number = len(self.requests)
        if number > len(self._bodies):
            raise AssertionError(f"{self.name} has {len(self._bodies)} recordings, this is model call {number}")
        yield _Recording(self._decoder(), cut(self._bodies[number - 1], () if self._at is None else self._at))


class _Recording:
    def __init__(self, decoder: Decoder, pieces: list[bytes]) -> None:
        self._decoder = decoder
        self._pieces = iter(pieces)

    def __aiter__(self) -> _Recording:
        return self

    async def __anext__(self) -> list[events.ModelEvent]:
        while not self._decoder.done and (piece := next(self._pieces, None)) is not None:
            if events := self._decoder.feed(piece):
                return events
        if events := self._decoder.close():
            return events
        raise StopAsyncIteration
