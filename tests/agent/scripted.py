"""A model that says what a test tells it to, and a toolbox of plain coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

from turnstream.events import (
    Finish,
    ModelEvent,
    ModelRequest,
    RunContext,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolError,
    ToolOutput,
    ToolSpec,
    Usage,
    UsageReport,
)

Item: TypeAlias = list[ModelEvent] | asyncio.Event | Exception
Step: TypeAlias = Sequence[Item]


def says(text: str, finish: Finish = Finish("stop", "stop")) -> Step:
    return [[TextDelta(text)], [UsageReport(Usage(10, 5)), finish]]


def calls(*wanted: tuple[str, str], ids: Sequence[str] | None = None, text: str = "") -> Step:
    events: list[ModelEvent] = [TextDelta(text)] if text else []
    for index, (name, arguments) in enumerate(wanted):
        events += [
            ToolCallStart(index, ids[index] if ids else f"c{index}", name),
            ToolCallDelta(index, arguments),
        ]
    return [events, [UsageReport(Usage(10, 5)), Finish("tool_calls", "tool_calls")]]


class _Stream:
    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)

    def __aiter__(self) -> _Stream:
        return self

    async def __anext__(self) -> list[ModelEvent]:
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            if isinstance(item, asyncio.Event):
                await item.wait()
            else:
                return item
        raise StopAsyncIteration


class Scripted:
    """Answers its n-th call with its n-th step, the last one for ever. ``requests`` are those that it got."""

    name = "scripted"

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.requests: list[ModelRequest] = []
        self.open = 0

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[_Stream]:
        self.requests.append(request)
        self.open += 1
        try:
            yield _Stream(self.steps[min(len(self.requests), len(self.steps)) - 1])
        finally:
            self.open -= 1


Function: TypeAlias = Callable[[ToolCall, RunContext], Awaitable[ToolOutput]]


class Box:
    """Tools by name."""

    def __init__(self, timeout: float | None = None, **functions: Function) -> None:
        self._functions = functions
        self._timeout = timeout

    async def tools(self, context: RunContext) -> list[ToolSpec]:
        return [ToolSpec(name, timeout=self._timeout) for name in self._functions]

    async def call(self, call: ToolCall, context: RunContext) -> ToolOutput:
        return await self._functions[call.name](call, context)


async def echo(call: ToolCall, context: RunContext) -> ToolOutput:
    return ToolOutput(call.arguments)


async def refuse(call: ToolCall, context: RunContext) -> ToolOutput:
    raise ToolError("I refuse.")


async def crash(call: ToolCall, context: RunContext) -> ToolOutput:
    raise ZeroDivisionError("division by zero")


async def hang(call: ToolCall, context: RunContext) -> ToolOutput:
    await asyncio.Event().wait()
    raise AssertionError("never")
