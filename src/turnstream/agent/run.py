"""One request being answered, from first byte to end: ask the model, run its tools, ask again."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from turnstream.agent import history, options
from turnstream.agent.calls import Answer
from turnstream.agent.deadline import Deadline
from turnstream.agent.execution import Approve, Execution
from turnstream.agent.housekeeping import is_housekeeping
from turnstream.agent.toolset import Toolset
from turnstream.events import (
    ClientToolCalls,
    ConfigurationError,
    HostedToolCall,
    HostedToolResult,
    MaxStepsReached,
    Message,
    ModelRequest,
    ProviderError,
    ReasoningDelta,
    RefusalDelta,
    RunCancelled,
    RunContext,
    RunEvent,
    RunFailed,
    RunFinished,
    RunRequest,
    RunStarted,
    SourceFound,
    StepStarted,
    TerminalEvent,
    TextDelta,
    ToolCallsDetected,
    ToolsExecuted,
    TurnstreamError,
    Usage,
)
from turnstream.parsing.collect import Collector

if TYPE_CHECKING:
    from typing import Self

    from turnstream.agent.agent import Agent

log = logging.getLogger(__name__)
T = TypeVar("T")

_VISIBLE = frozenset({TextDelta, ReasoningDelta, RefusalDelta, HostedToolCall, HostedToolResult, SourceFound})


class Run:
    """``async with`` it and iterate, once: events one by one, or `batches`, each the events of one network read.

    Leaving the block cancels the model call and the tools. While and after it runs, ``messages`` are those that it
    added to the conversation, ``usage`` is the sum over its model calls, and ``outcome`` is its terminal event, None
    before the end. ``acted`` says whether a tool was called whose effect is ``once``: then asking the same again may do
    harm. The event at position ``n`` of all events has seq ``n``.
    """

    def __init__(
        self, agent: Agent, request: RunRequest, *, run_id: str | None = None, approve: Approve | None = None
    ) -> None:
        self.agent = agent
        self.request = request
        self.id = run_id or f"run_{uuid.uuid4().hex}"
        self.messages: list[Message] = []
        self.usage = Usage()
        self.outcome: TerminalEvent | None = None
        self.acted = False
        self._approve = approve
        self._step = 0
        housekeeper = agent.housekeeper if is_housekeeping(request.messages) else None
        self._model, self._plain = housekeeper or agent.model, housekeeper is not None
        self._last_step = False
        self._history: tuple[Message, ...] = ()
        self._toolset = Toolset()
        self._collector = Collector()
        self._execution: Execution | None = None
        self._generator: AsyncGenerator[list[RunEvent]] | None = None

    async def __aenter__(self) -> Self:
        await self.agent.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._generator is not None:
                await self._generator.aclose()
            if self.outcome is None:
                self.outcome = RunCancelled(self.usage)
        finally:
            await self.agent.__aexit__(kind, error, trace)

    async def __aiter__(self) -> AsyncIterator[RunEvent]:
        async for batch in self.batches():
            for event in batch:
                yield event

    def batches(self) -> AsyncGenerator[list[RunEvent]]:
        """The run's events, as many at a time as came at once. The last event of the last batch is the terminal one."""
        if self._generator is not None:
            raise RuntimeError("a run can be iterated only once")
        self._generator = self._events()
        return self._generator

    async def _events(self) -> AsyncGenerator[list[RunEvent]]:
        """The loop, and the one place that turns exceptions into events."""
        self._deadline = Deadline(self.agent.run_timeout)
        try:
            yield [RunStarted(self.id, self.agent.name, self.request.thread_id)]
            await self._prepare()
            while self.outcome is None:
                self._step += 1
                if not self._plain:
                    yield [StepStarted(self._step)]
                collector = self._collector = Collector()
                async with AsyncExitStack() as stack:
                    with self._deadline:
                        stream = await stack.enter_async_context(self._model.stream(self._request()))
                    while True:
                        try:
                            with self._deadline:
                                batch = await stream.__anext__()
                        except StopAsyncIteration:
                            break
                        collector.feed(batch)
                        if visible := [event for event in batch if type(event) in _VISIBLE]:
                            yield visible  # type: ignore[misc]  # mypy cannot narrow a union by a set of its types
                answer = self._answered(collector)
                if answer.ours:
                    yield [ToolCallsDetected(self._step, answer.ours)]
                    self._execution = self._start_tools(answer)
                    while events := await self._next_of(self._execution):
                        yield events
                    yield [self._tools_executed(self._execution)]
                if ending := self._ending(answer):
                    yield ending
        except (asyncio.CancelledError, GeneratorExit):
            self._book_usage()
            self.outcome = RunCancelled(self.usage)
            raise
        except TurnstreamError as error:
            self._book_usage()
            trace = error if isinstance(error, ConfigurationError) else None
            log.warning("run %s failed: %s %s", self.id, error.message, getattr(error, "detail", ""), exc_info=trace)
            self.outcome = _failed(error, self.usage)
            yield [self.outcome]
        except Exception:  # whatever it is, the run ends with one terminal event
            self._book_usage()
            log.exception("run %s failed", self.id)
            text = "The run failed because of an error in the server; its log has the details."
            self.outcome = RunFailed("internal_error", text, 500, self.usage)
            yield [self.outcome]
        finally:
            self._deadline.close()
            if self._execution is not None:
                await self._execution.cancel()

    async def _prepare(self) -> None:
        if self._plain:
            self._history = history.prepare("", self.request.messages, None)
            return
        with self._deadline:
            self._toolset = await Toolset.of(self.agent.toolboxes, self._context(), self.agent.tool_timeout)
        self._history = history.prepare(self.agent.instructions, self.request.messages, self.agent.history_limit)

    def _context(self) -> RunContext:
        request = self.request
        return RunContext(
            run_id=self.id,
            thread_id=request.thread_id,
            user=request.user,
            values=request.context,
            headers=request.headers,
        )

    def _request(self) -> ModelRequest:
        """The next model call. The last one after ``max_steps`` has no tools, so that the user gets an answer."""
        asked = self.request.options if self._plain else self.agent.options.overlaid(self.request.options)
        messages = (*self._history, *self.messages)
        if self._last_step:
            return ModelRequest(messages, (), options.without_tools(asked), time.time())
        if self._step > 1:
            asked = options.after_first_step(asked)
        return ModelRequest(messages, self._toolset.offered(self.request.tools), asked, time.time())

    async def _next_of(self, execution: Execution) -> list[RunEvent]:
        with self._deadline:
            return await execution.next()

    def _answered(self, collector: Collector) -> Answer:
        """Book one model call: its usage, its message, and the calls that it asks for."""
        self._book_usage()
        answer = Answer.of(
            collector,
            prefix=f"call_{self.id[-12:]}_{self._step}",
            used=history.call_ids((*self._history, *self.messages)),
            theirs=self._toolset.names_left_to_client(self.request.tools),
            with_calls=not self._last_step,
        )
        if answer.message.parts:
            self.messages.append(answer.message)
        return answer

    def _book_usage(self) -> None:
        """Once for each model call, also for one that broke off: what it had used until then was used."""
        if self._collector.usage is not None:
            self.usage += self._collector.usage
            self._collector = Collector()

    def _start_tools(self, answer: Answer) -> Execution:
        self.acted = self.acted or any(self._toolset.effect(call.name) == "once" for call in answer.ours)
        timeout = self.agent.tool_timeout
        return Execution(self._step, answer.ours, self._toolset, self._context(), timeout, self._approve)

    def _tools_executed(self, execution: Execution) -> ToolsExecuted:
        results = execution.results
        self.messages += [history.tool_message(result) for result in results]
        return ToolsExecuted(self._step, results)

    def _ending(self, answer: Answer) -> list[RunEvent]:
        """What follows a step: the end of the run, the announcement of its last step, or nothing but the next step."""
        if answer.theirs:
            self.outcome = RunFinished("tool_calls", self.usage, self._step)
            return [ClientToolCalls(self._step, answer.theirs), self.outcome]
        if not answer.ours and (answer.finish != "pause" or self._last_step):
            self.outcome = RunFinished(answer.finish, self.usage, self._step)
            return [self.outcome]
        if self._last_step or self._step < self.agent.max_steps:
            return []
        if self.agent.on_max_steps == "stop":
            self.outcome = RunFinished("max_steps", self.usage, self._step)
            return [MaxStepsReached(self._step), self.outcome]
        self._last_step = True
        return [MaxStepsReached(self._step)]


def _failed(error: TurnstreamError, usage: Usage) -> RunFailed:
    if not isinstance(error, ProviderError):
        return RunFailed(error.code, error.message, error.status, usage)
    retryable = error.retryable or error.provider_status is None
    return RunFailed(error.code, error.message, error.status, usage, error.retry_after, retryable)
