"""The tool calls of one step, all at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from turnstream import errors, events, messages, requests, toolspec
from turnstream.agent.time_limit import PausableTimeout
from turnstream.agent.toolset import Toolset

log = logging.getLogger(__name__)

_MOST_WAITING_PROGRESS = 1000
_GRACE_ON_CANCEL = 1.0

Approve: TypeAlias = Callable[[messages.ToolCall], Awaitable[bool]]
Begin: TypeAlias = Callable[[messages.ToolCall], Awaitable[None]]


class Execution:
    """Runs ``calls`` concurrently from the moment it is made. `next` gives events as they come, ``results`` all in
    order.

    A tool that fails, is unknown or exceeds its time-out has a result that says so. A tool that does not let itself be
    cancelled holds up nothing: it is left behind. ``begin`` is awaited before a call whose effect must not happen
    twice. ``known`` are results by the ids of their calls, which are not made.
    """

    def __init__(
        self,
        step: int,
        calls: Sequence[messages.ToolCall],
        toolset: Toolset,
        context: requests.RunContext,
        timeout: float | None,
        approve: Approve | None = None,
        begin: Begin | None = None,
        known: Mapping[str, events.ToolResult] = MappingProxyType({}),
    ) -> None:
        self._step = step
        self._calls = tuple(calls)
        self._toolset = toolset
        self._timeout = timeout
        self._approve = approve
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[events.RunEvent] = asyncio.Queue()
        self._results = {at: known[call.id] for at, call in enumerate(self._calls) if call.id in known}
        self._reported = len(self._results)
        self._started = self._loop.time()
        self._tasks: set[asyncio.Task[toolspec.ToolOutput] | asyncio.Task[None]] = {
            asyncio.create_task(self._run(at, call, context))
            for at, call in enumerate(self._calls)
            if at not in self._results
        }

    @property
    def results(self) -> tuple[events.ToolResult, ...]:
        """In call order; of those that have one."""
        return tuple(self._results[at] for at in sorted(self._results))

    async def next(self) -> list[events.RunEvent]:
        """The events since the last time, at least one; none when all tools have been reported."""
        if self._reported == len(self._calls) and self._events.empty():
            return []
        batch = [await self._events.get()]
        while not self._events.empty():
            batch.append(self._events.get_nowait())
        self._reported += sum(isinstance(event, events.ToolResult) for event in batch)
        return batch

    async def cancel(self) -> None:
        """Cancel what still runs, and wait for it a moment."""
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_GRACE_ON_CANCEL)

    async def _run(self, at: int, call: messages.ToolCall, context: requests.RunContext) -> None:
        timeout = self._toolset.timeout(call.name, self._timeout)
        limit = PausableTimeout(timeout)
        task = asyncio.create_task(self._output(call, self._context(call, context, limit)))
        self._tasks.add(task)
        try:
            await asyncio.wait((task, limit.over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.close()
            in_time = task.done()
            task.cancel()
        if not in_time:
            output = toolspec.ToolOutput(
                f"The tool {call.name} gave no result within {timeout:g} seconds.", is_error=True
            )
        elif task.cancelled():
            output = toolspec.ToolOutput(f"The tool {call.name} was cancelled.", is_error=True)
        elif (error := task.exception()) is not None:  # a GeneratorExit, for instance, is not an `Exception`
            output = _failed_output(call, context, error)
        else:
            output = task.result()
        self._finish(at, call, output)

    def _context(
        self, call: messages.ToolCall, context: requests.RunContext, limit: PausableTimeout
    ) -> requests.RunContext:
        return replace(
            context,
            tool_call_id=call.id,
            progress=partial(self._progress, call),
            approve=None if self._approve is None else partial(self._approve, call),
            untimed=limit.paused,
        )

    async def _output(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        try:
            if self._begin is not None and self._toolset.effect(call.name) == "once":
                await self._begin(call)
            return await self._toolset.call(call, context)
        except errors.ToolError as error:
            return toolspec.ToolOutput(error.message, is_error=True)
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # the model hears of it, and the run goes on
            return _failed_output(call, context, error)  # asyncio would end the process for the last two

    def _finish(self, at: int, call: messages.ToolCall, output: toolspec.ToolOutput) -> None:
        result = events.ToolResult(self._step, call, output, self._loop.time() - self._started)
        self._results[at] = result
        self._events.put_nowait(result)
        for source in output.sources:
            self._events.put_nowait(events.SourceFound(source, call.id))

    def _progress(self, call: messages.ToolCall, message: str, fraction: float | None = None) -> None:
        """From any thread. Progress that nobody reads in time is dropped: it must not fill the memory."""
        done = None if fraction is None else float(fraction)  # a numpy scalar, for instance, has no JSON form
        event = events.ToolProgress(call.id, call.name, str(message), done)
        with suppress(RuntimeError):  # the loop is closed: a thread outlived everybody who could have listened
            self._loop.call_soon_threadsafe(self._put_progress, event)

    def _put_progress(self, event: events.ToolProgress) -> None:
        if self._events.qsize() < _MOST_WAITING_PROGRESS:
            self._events.put_nowait(event)


def _failed_output(call: messages.ToolCall, context: requests.RunContext, error: BaseException) -> toolspec.ToolOutput:
    log.error("tool %s failed in run %s", call.name, context.run_id, exc_info=error)
    first_line = (str(error).splitlines() or [""])[0][:300]
    text = f"The tool {call.name} failed: {type(error).__name__}: {first_line}"
    return toolspec.ToolOutput(text, is_error=True, shown=f"The tool {call.name} failed.")


def unknown_outcome(step: int, call: messages.ToolCall) -> events.ToolResult:
    """For a call that was begun by a process that ended before it told of a result, and must not be made twice."""
    text = (
        f"It is not known whether the call of {call.name} had its effect: the server stopped in the middle of it. "
        "It was not repeated. Check the outcome before calling it again."
    )
    return events.ToolResult(step, call, toolspec.ToolOutput(text, is_error=True), 0.0)


def not_made(step: int, call: messages.ToolCall) -> events.ToolResult:
    """For a call that nobody has made, and whose arguments nobody has any longer as the model wrote them."""
    text = f"The call of {call.name} was not made: the server stopped before it. Call it again, with all its arguments."
    return events.ToolResult(step, call, toolspec.ToolOutput(text, is_error=True), 0.0)
