"""The tool calls of one step, all at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from turnstream import conversation, errors, events, messages, protocols, requests, text, toolspec
from turnstream.agent.time_limit import PausableTimeout
from turnstream.agent.toolset import Toolset

log = logging.getLogger(__name__)

_MOST_WAITING_PROGRESS = 1000
_GRACE_ON_CANCEL = 1.0
_NOBODY: frozenset[str] = frozenset()

Approve: TypeAlias = Callable[[messages.ToolCall], Awaitable[bool]]
Begin: TypeAlias = Callable[[messages.ToolCall], Awaitable[None]]


class Execution:
    """Runs ``calls`` concurrently from the moment it is made. `next` gives events as they come, ``results`` all in
    order.

    A tool that fails, is unknown or exceeds its time-out has a result that says so. A tool that does not let itself be
    cancelled holds up nothing: it is left behind. ``begin`` is awaited before a call whose effect must not happen
    twice. ``known`` are results by the ids of their calls, which are not made. ``asks`` say for which calls somebody
    outside must say something first: those that are given and those that come up. ``progress`` has what was said.
    The ``redactor`` masks what no tool may give away. ``can_wait`` is told to each call (`requests.RunContext`).
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        step: int,
        calls: Sequence[messages.ToolCall],
        toolset: Toolset,
        context: requests.RunContext,
        timeout: float | None,
        approve: Approve | None = None,
        begin: Begin | None = None,
        known: Mapping[str, events.ToolResult] = MappingProxyType({}),
        asks: Sequence[events.Ask] = (),
        progress: conversation.Progress = conversation.Progress(),
        redactor: text.Redactor | None = None,
        can_wait: bool = False,
    ) -> None:
        self.asks = list(asks)
        self.calls = tuple(calls)
        self._decisions, self._states = progress.decisions, progress.states
        self._can_wait, self._has_results = can_wait, progress.has_results
        self._redactor = redactor
        self._step = step
        self._toolset = toolset
        self._timeout = timeout
        self._approve = approve
        self._begin = begin
        self._loop = loop
        self._started = loop.time()
        self._news: list[events.RunEvent] = []
        self._waiter: asyncio.Future[None] | None = None  # of `next`
        self._results: dict[int, events.ToolResult] = {}
        self._tasks: dict[int, asyncio.Task[toolspec.ToolOutput]] = {}  # that have not ended
        self._limits: dict[int, PausableTimeout] = {}  # of the calls that have neither ended nor run out of time
        asked = {ask.tool_call_id for ask in asks} if asks else _NOBODY
        for at, call in enumerate(self.calls):
            if call.id in known:
                self._results[at] = known[call.id]
            elif call.id not in asked:
                self._start(at, call, context)

    @property
    def results(self) -> tuple[events.ToolResult, ...]:
        """In call order; of those that have one."""
        return tuple([self._results[at] for at in sorted(self._results)])

    @property
    def is_over(self) -> bool:
        """Whether all tools have been reported."""
        return not self._limits and not self._news

    async def next(self) -> list[events.RunEvent]:
        """The events since the last time, at least one; none when all tools have been reported."""
        while self._limits and not self._news:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None  # one that is cancelled has a traceback, that leads to us
        news, self._news = self._news, []
        return news

    async def cancel(self) -> None:
        """Cancel what still runs, and wait for it a moment. Nothing is told of it any more."""
        for limit in self._limits.values():
            limit.close()
        self._limits.clear()
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait([*self._tasks.values()], timeout=_GRACE_ON_CANCEL)

    def _start(self, at: int, call: messages.ToolCall, context: requests.RunContext) -> None:
        seconds = self._toolset.timeout(call.name, self._timeout)
        limit = self._limits[at] = PausableTimeout(self._loop, seconds, partial(self._give_up, at, call))
        task = self._loop.create_task(self._output(call, self._context(call, context, limit)))
        self._tasks[at] = task
        task.add_done_callback(partial(self._settle, at, call, context))

    def _settle(
        self,
        at: int,
        call: messages.ToolCall,
        context: requests.RunContext,
        task: asyncio.Task[toolspec.ToolOutput],
    ) -> None:
        """The call has ended; if its time was over before, nobody hears of it."""
        del self._tasks[at]  # how it ended has a traceback, that leads to us
        if (limit := self._limits.pop(at, None)) is None:
            return
        limit.close()
        if task.cancelled():
            output = toolspec.ToolOutput(f"The tool {call.name} was cancelled.", is_error=True)
        elif isinstance(error := task.exception(), protocols.AskError):
            self.asks.append(error.ask)
            self._wake()
            return
        elif error is not None:  # a GeneratorExit, for instance, is not an `Exception`
            output = _output_of(call, context, error)
        else:
            output = task.result()
        self._finish(at, call, output)

    def _give_up(self, at: int, call: messages.ToolCall) -> None:
        """Its time is over."""
        task = self._tasks[at]
        if task.done():  # and is settled next
            return
        limit = self._limits.pop(at)
        limit.close()
        task.cancel()
        text = f"The tool {call.name} gave no result within {limit.seconds:g} seconds."
        self._finish(at, call, toolspec.ToolOutput(text, is_error=True))

    def _context(
        self, call: messages.ToolCall, context: requests.RunContext, limit: PausableTimeout
    ) -> requests.RunContext:
        begin = context.begin
        if self._begin is not None and self._toolset.effect(call.name) == "once":
            begin = partial(self._begin, call)
        decision = self._decisions.get(call.id)
        return msgspec.structs.replace(
            context,
            tool_call_id=call.id,
            progress=partial(self._progress, call),
            approve=None if self._approve is None else partial(self._approve, call),
            untimed=limit.pause,
            begin=begin,
            can_wait=self._can_wait,
            has_results=self._has_results,
            decision=decision,
            ask_state=None if decision is None else self._states.get(call.id),
        )

    async def _output(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        try:
            if not self._toolset.asks_first(call.name):
                await context.begin()
            return await self._toolset.call(call, context)
        except errors.ToolError as error:
            return toolspec.ToolOutput(error.message, is_error=True)
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # the model hears of it, and the run goes on
            return _output_of(call, context, error)  # asyncio would end the process for the last two

    def _finish(self, at: int, call: messages.ToolCall, output: toolspec.ToolOutput) -> None:
        if (decision := self._decisions.get(call.id)) is not None and decision.arguments is not None:
            output = tell_edited(output, call)
        output = toolspec.redact(output, self._redactor.redact) if self._redactor else output
        result = events.ToolResult(self._step, call, output, self._loop.time() - self._started)
        self._results[at] = result
        self._news.append(result)
        for source in output.sources:
            self._news.append(events.SourceFound(source, call.id))
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _progress(self, call: messages.ToolCall, message: str, fraction: float | None = None) -> None:
        """From any thread. Progress that nobody reads in time is dropped: it must not fill the memory."""
        done = None if fraction is None else float(fraction)  # a numpy scalar, for instance, has no JSON form
        told = str(message) if self._redactor is None else self._redactor.redact(str(message))
        event = events.ToolProgress(call.id, call.name, told, done)
        with suppress(RuntimeError):  # the loop is closed: a thread outlived everybody who could have listened
            self._loop.call_soon_threadsafe(self._put_progress, event)

    def _put_progress(self, event: events.ToolProgress) -> None:
        if len(self._news) < _MOST_WAITING_PROGRESS:
            self._news.append(event)
            self._wake()


def tell_edited(output: toolspec.ToolOutput, call: messages.ToolCall) -> toolspec.ToolOutput:
    """The model reads its own arguments beside the result, and must know that these were not those of the call."""
    note = f"[The user changed the arguments of this call to {call.arguments}]\n"
    content = output.content
    told = note + content if isinstance(content, str) else (messages.TextPart(note), *content)
    return msgspec.structs.replace(output, content=told, shown=output.shown_text)


def _output_of(call: messages.ToolCall, context: requests.RunContext, error: BaseException) -> toolspec.ToolOutput:
    log.error("tool %s failed in run %s", call.name, context.run_id, exc_info=error)
    first_line = (str(error).splitlines() or [""])[0][:300]
    told = f"The tool {call.name} failed: {type(error).__name__}: {first_line}"
    return toolspec.ToolOutput(told, is_error=True, shown=f"The tool {call.name} failed.")
