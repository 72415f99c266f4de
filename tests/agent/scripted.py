"""Steps for the shipped model that follows a script, and a toolbox of plain coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from turnstream.events import (
    Finish,
    ModelEvent,
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
from turnstream.testing import ScriptedModel, models

Step: TypeAlias = models.Step
Batches: TypeAlias = list[list[ModelEvent]]


def says(text: str, finish: Finish = Finish("stop", "stop")) -> Batches:
    return [[TextDelta(text)], [UsageReport(Usage(10, 5)), finish]]


def calls(*wanted: tuple[str, str], ids: Sequence[str] | None = None, text: str = "") -> Batches:
    events: list[ModelEvent] = [TextDelta(text)] if text else []
    for index, (name, arguments) in enumerate(wanted):
        events += [
            ToolCallStart(index, ids[index] if ids else f"c{index}", name),
            ToolCallDelta(index, arguments),
        ]
    return [events, [UsageReport(Usage(10, 5)), Finish("tool_calls", "tool_calls")]]


class Scripted(ScriptedModel):
    """The shipped model; its last step is given again for ever."""

    def __init__(self, *steps: Step) -> None:
        super().__init__(steps, repeat=True)


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
