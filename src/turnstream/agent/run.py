"""One request being answered, from first byte to end: ask the model, run its tools, ask again."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from turnstream import conversation, events, offload, protocols, requests, usage
from turnstream.agent import failure, history, options, reviews
from turnstream.agent.budget import Spending, limit_calls
from turnstream.agent.context import context_of
from turnstream.agent.deadline import Deadline, Entering, TimeLeft, min_of
from turnstream.agent.execution import Approve, Begin, Execution
from turnstream.agent.preparation import choose_history
from turnstream.agent.resumption import Resumption
from turnstream.agent.step_calls import StepCalls, has_calls, visible_of
from turnstream.agent.step_result import Rest, StepResult
from turnstream.agent.toolset import EMPTY, Toolset
from turnstream.agent.waiting import Pause
from turnstream.messages import (
    AssistantMessage,
    Message,
    TextPart,
    ToolCall,
    ToolMessage,
)  # by name: a run has ``messages``
from turnstream.parsing.collect import Collector

if TYPE_CHECKING:
    from typing import Self

    from turnstream.agent.agent import Agent

log = logging.getLogger(__name__)

_NO_TOOLS: frozenset[str] = frozenset()
_NOTHING_USED = usage.Usage()
_NOT_BEGUN = conversation.Progress()
_MANY = 10  # events: so many texts are encoded faster by themselves than with the end of their step


class Run:
    """``async with`` it and iterate, once: events one by one, or `batches`, each the events of one network read.

    Leaving the block cancels the model call and the tools. ``request`` is what is answered, from its first event on as
    the agent's guardrails let it in. While and after the run goes on, ``messages`` are those that it added to the
    conversation, ``usage`` is the sum over its model calls, and ``outcome`` is its terminal event, None
    before the end. ``acted`` says whether a tool was called whose effect is ``once``: then asking the same again may do
    harm. The event at position ``n`` of all events has seq ``n``.

    With ``progress`` the run is kept and goes on from there: whoever keeps it has told of its start. ``begin`` is then
    awaited before each call whose effect must not happen twice. Such a run may end without an outcome, because it waits
    for a word from outside: ``waiting`` then says for which. The ``meter`` is told what the run uses.
    """

    __slots__ = (  # beyond thirty attributes a dictionary is four times as large
        *("__weakref__", "acted", "agent", "id", "outcome", "request", "usage", "waiting"),
        *("_approve", "_asked", "_begin", "_calls", "_client_tools", "_collector", "_context", "_deadline"),
        *("_execution", "_generator", "_give", "_history", "_housekeeping", "_last_step", "_meter", "_model", "_most"),
        *("_partial", "_pause", "_progress", "_record", "_said", "_spending", "_started", "_step", "_stream"),
        *("_time_left", "_toolset"),
    )
    _is_guarded = False  # by guardrails: they let its request in
    _is_watched = False  # by a guard: it says what may be shown

    def __init__(
        self,
        agent: Agent,
        request: requests.RunRequest,
        *,
        run_id: str | None = None,
        approve: Approve | None = None,
        progress: conversation.Progress | None = None,
        begin: Begin | None = None,
        meter: protocols.Meter | None = None,
        wait: protocols.BeginWait | None = None,
    ) -> None:
        self.agent = agent
        self.request = request
        self.id = run_id or f"run_{uuid.uuid4().hex}"
        self.usage = _NOTHING_USED
        self.outcome: events.TerminalEvent | None = None
        self.acted = False
        self.waiting: events.RunWaiting | None = None
        self._started = events.RunStarted(self.id, agent.name, request.thread_id)
        self._pause = Pause(self._started, progress, wait, agent.ask_lifetime)
        self._record = self._pause.record
        self._approve = approve or (self._pause.ask_approval if self._pause.possible else None)
        self._progress = progress
        self._begin = begin
        self._meter = meter
        self._time_left = TimeLeft()
        self._context = context_of(agent.name, request, self.id, self._time_left)
        self._most = agent.max_answer or sys.maxsize
        self._step = 0
        self._asked = 0.0
        self._model = agent.model_for(request)
        self._housekeeping = self._model.housekeeping
        self._last_step = False
        self._history: tuple[Message, ...] = ()
        self._said: list[Message] = []
        self._toolset = EMPTY
        self._client_tools = _NO_TOOLS
        self._collector = Collector()
        self._calls: StepCalls | None = None  # of the step, from its first call on
        self._partial = ""
        self._spending: Spending | None = None
        self._stream: protocols.ModelStream | None = None
        self._execution: Execution | None = None
        self._generator: AsyncGenerator[list[events.RunEvent]] | None = None
        self._give: protocols.Give | None = None

    @property
    def messages(self) -> list[Message]:
        return self._said

    async def __aenter__(self) -> Self:
        await self.agent.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._generator is not None:
                await self._generator.aclose()
            if self.outcome is None and self.waiting is None:
                self.outcome = events.RunCancelled(self.usage)
        finally:
            self._give = None  # whoever gives holds the run: together they would be left to the collector
            await self.agent.__aexit__(kind, error, trace)

    async def __aiter__(self) -> AsyncIterator[events.RunEvent]:
        async for batch in self.batches():
            for event in batch:
                yield event

    def relay(self, give: protocols.Give) -> None:
        """From now on ``give`` is offered what the model says, maybe from within the network read that brought it, and
        what it takes does not come as a batch. A run that may not show it as it comes offers nothing."""
        if not self._is_watched and self.agent.budget is None and self._meter is None:
            self._give = give

    def batches(self) -> AsyncGenerator[list[events.RunEvent]]:
        """The run's events, as many at a time as came at once. The last event of the last batch is the terminal one."""
        if self._generator is not None:
            raise RuntimeError("a run can be iterated only once")
        self._generator = self._show()
        return self._generator

    def _show(self) -> AsyncGenerator[list[events.RunEvent]]:
        return self._events()

    async def _events(self) -> AsyncGenerator[list[events.RunEvent]]:
        """The loop, and the one place that turns exceptions into events."""
        self._deadline = Deadline(min_of(self.agent.run_timeout, self.request.timeout))
        self._time_left.deadline = self._deadline
        if self.agent.budget is not None or self._meter is not None:
            before = None if self._progress is None else reviews.count_usage(self._progress)
            self._spending = Spending(self.agent.budget, time.monotonic(), self._meter, before)
        told: list[events.RunEvent]
        news: list[events.RunEvent] = [self._started] if self._progress is None else []  # what has not been told yet
        rest: Rest | None = None
        try:
            toolset = EMPTY if self._housekeeping else self.agent.toolset
            if news and self._waits_before_model(toolset):
                told, news = news, []
                yield told
            if self._is_guarded and (refused := await self._let_in()):
                yield refused
                return
            await self._prepare(toolset)
            if self._progress is not None:
                told, rest = await self._resume(self._progress)
                if told:
                    yield told
            while self.outcome is None and self.waiting is None:
                if rest is None:
                    collector = self._begin_step()
                    if not self._housekeeping and not self._partial:
                        news += self._tell(events.StepStarted(self._step))
                    if news:
                        told, news = news, []
                        yield told
                    self._asked = time.monotonic()
                    answer = self._model.open_stream(self._model_request(), self._context)
                    async with Entering(self._deadline, answer) as stream:
                        self._stream, relay = stream, protocols.relay_of(stream)
                        while True:
                            try:
                                with self._deadline:
                                    if relay is None or self._give is None:
                                        batch = await stream.__anext__()
                                    else:
                                        batch = await relay(self._take)
                            except StopAsyncIteration:
                                break
                            visible: list[events.RunEvent] = batch  # type: ignore[assignment]  # nearly always
                            if not events.VISIBLE.issuperset(map(type, batch)):
                                batch, visible = self._look(batch)
                            collector.feed(batch)
                            is_last = collector.finish is not None and self._is_over(stream)
                            if is_last and len(visible) < _MANY:
                                news = [*visible]
                            elif visible:
                                yield visible
                            if is_last:
                                break
                            if (collector.size > self._most or self._spending is not None) and self._cut_off(collector):
                                break
                    rest = self._finish_step(collector, news)
                if rest.calls:
                    if news:
                        told, news = news, []
                        yield told
                    execution = self._start_tools(rest)
                    while not execution.is_over:
                        if news:
                            told, news = news, []
                            yield told
                        with self._deadline:
                            news = await execution.next()
                        if self._record is not None:
                            self._record.add(news)
                    if execution.asks:
                        if news:
                            told, news = news, []
                            yield told
                        news.append(await self._wait(execution))
                        break
                    news += self._tell(self._tools_executed(execution))
                news += self._end_step(rest.result)
                if news and not rest.calls:  # the last results of calls are told with what follows
                    told, news = news, []
                    yield told
                rest = None
            if news:
                yield news
        except (asyncio.CancelledError, GeneratorExit):
            self._add_usage()
            if self.waiting is None:
                self.outcome = events.RunCancelled(self.usage)
            raise
        except Exception as error:  # whatever it is, the run ends with one terminal event
            self._add_usage()
            self.outcome = failure.end_by(error, self.id, self.usage)
            yield [*news, self.outcome]
        finally:
            self._is_spent()  # what the last model call used counts too
            self._deadline.close()
            if self._execution is not None:
                await self._execution.cancel()
                self._execution = None

    def _take(self, batch: list[events.ModelEvent]) -> bool:
        """Hand on what is nothing but text, as the loop would; it must see to all else."""
        if len(batch) == 1:  # nearly always
            if type(event := batch[0]) not in events.TEXTS:
                return False
            size = len(event.text)  # type: ignore[union-attr]
        elif events.TEXTS.issuperset(map(type, batch)):
            size = sum(map(len, map(events.text_of, batch)))
        else:
            return False
        collector, give = self._collector, self._give
        if collector.size + size > self._most or give is None or not give(batch):  # type: ignore[arg-type]
            return False
        collector.feed(batch)
        return True

    def _look(self, batch: list[events.ModelEvent]) -> tuple[list[events.ModelEvent], list[events.RunEvent]]:
        """The batch, and what a watcher of the run sees of it, where it is not all shown as it is."""
        if self._last_step or not has_calls(batch):
            return batch, visible_of(batch)
        if self._calls is None:
            prefix = f"call_{self.id[-12:]}_{self._step}"
            find_used = partial(history.call_ids, (*self._history, *self._said))  # which does not hold the run
            self._calls = StepCalls(self._step, prefix, find_used, self._client_tools)
        return self._calls.feed(batch)

    def _is_over(self, stream: protocols.ModelStream) -> bool:
        """Whether nothing follows a batch, so that it can be told with the end of its step. A guard and a budget look
        at an answer before its step ends."""
        return not self._is_watched and self._spending is None and protocols.has_ended(stream)

    def _begin_step(self) -> Collector:
        self._step += 1
        if self._step > 1:
            self._collector, self._calls = Collector(), None
        if self._partial:
            self._collector.feed([events.TextDelta(self._partial)])
        return self._collector

    async def _resume(self, progress: conversation.Progress) -> tuple[list[events.RunEvent], Rest | None]:
        """Take over what another owner has done: what there is to tell of it, and the rest of the step in which it left
        the run."""
        self._said += progress.messages
        self._step, self.usage, self._partial = progress.steps, progress.usage, progress.partial
        if (held := reviews.read_held(progress)) is not None:
            return self._resume_held(held, bool(reviews.is_approved(progress)))
        if progress.last is None:
            return [], None
        answered = progress.calls or progress.answered
        result = StepResult(progress.last.message, answered, progress.client_calls, progress.last.finish)
        if not progress.calls or progress.executed:
            return [], Rest(result)
        exact = not self._is_watched
        resumed = await Resumption.of(progress, self._toolset, self._context, self._deadline, exact)
        return [*resumed.results], Rest(result, resumed.calls, resumed.known, resumed.asks)

    def _resume_held(self, held: reviews.Held, approved: bool) -> tuple[list[events.RunEvent], Rest | None]:
        """Go on behind a step whose rest a guardrail has held."""
        self._step = held.step.step
        self.usage += held.step.usage
        if not approved:
            self.outcome = events.RunFinished("content_filter", self.usage, self._step)
            return [held.deny(), self.outcome], None
        self._remember(held.step.message)
        agreed = self._pause.with_effects(held.shown, self._toolset.effects)
        self._pause.note_altered([self._detect(held.calls)], agreed)
        return agreed, Rest(StepResult(held.step.message, held.calls, held.client_calls, held.step.finish), held.calls)

    def _tell(self, *batch: events.RunEvent) -> tuple[events.RunEvent, ...]:
        if self._record is not None:
            self._record.told += batch
        return batch

    def _detect(self, calls: tuple[ToolCall, ...]) -> events.ToolCallsDetected:
        if self._progress is None:
            return events.ToolCallsDetected(self._step, calls)
        return events.ToolCallsDetected(self._step, calls, self._toolset.effects(calls))

    async def preview(self) -> requests.ModelRequest:
        """What its first model call would ask. The model is not asked, and the run does not begin."""
        self._deadline = Deadline(self.agent.run_timeout)
        try:
            if self._is_guarded:
                await self._admit()
            await self._prepare(EMPTY if self._housekeeping else self.agent.toolset)
            return self._model_request()
        finally:
            self._deadline.close()

    async def _let_in(self) -> list[events.RunEvent]:
        """What is told in place of an answer, by a run whose guardrails do not let its request in."""
        return []

    async def _admit(self) -> None:
        return

    def _waits_before_model(self, toolset: Toolset | None) -> bool:
        """Whether its start is told at once, and not with that of its first step: somebody may have to be asked before
        the model is."""
        if self._housekeeping or self._is_guarded or toolset is None:
            return True
        return len(self.request.messages) >= offload.MANY

    async def _prepare(self, toolset: Toolset | None) -> None:
        """With the tools that are the same for every run of the agent; None where its toolboxes have to be asked."""
        request = self.request
        for note in request.notes:
            log.info("run %s: %s", self.id, note)
        if toolset is None:
            with self._deadline:
                toolset = await Toolset.of(self.agent.toolboxes, self._context, self.agent.tool_timeout)
        self._toolset = toolset
        if request.tools:
            self._client_tools = toolset.names_left_to_client(request.tools)
        chosen = choose_history(self.agent, request, housekeeping=self._housekeeping)
        if len(request.messages) < offload.MANY:
            self._history = history.prepare(*chosen)
        else:
            with self._deadline:
                self._history = await offload.run(history.prepare, *chosen)

    def _model_request(self) -> requests.ModelRequest:
        """The next model call. The last one after ``max_steps`` has no tools, so that the user gets an answer."""
        wanted = self.request.options if self._housekeeping else self.agent.options.overlaid(self.request.options)
        so_far = (*self._history, *self._said) if self._said else self._history
        if self._partial:
            so_far, self._partial = (*so_far, AssistantMessage((TextPart(self._partial),))), ""
        if self._last_step:
            return requests.ModelRequest(so_far, (), options.without_tools(wanted), time.time())
        if self._step > 1:
            wanted = options.after_first_step(wanted)
        return requests.ModelRequest(so_far, self._toolset.offer(self.request.tools), wanted, time.time())

    def _finish_step(self, collector: Collector, news: list[events.RunEvent]) -> Rest:
        """Add up what the model call used, keep what it said, and tell of it. Its calls are left to be made."""
        duration = time.monotonic() - self._asked
        result = StepResult.of(collector, self._calls, self._client_tools, with_calls=not self._last_step)
        tokens = collector.usage or _NOTHING_USED
        self._add_usage()
        self._remember(result.message)
        name = self._answering_model()
        finished = events.StepFinished(self._step, result.message, result.finish, tokens, name, duration)
        calls = result.server_calls
        news += self._tell(finished, self._detect(calls)) if calls else self._tell(finished)
        return Rest(result, calls)

    def _remember(self, message: AssistantMessage) -> None:
        if message.parts:
            self._said.append(message)

    def _cut_off(self, collector: Collector) -> bool:
        """Whether the answer must end here: it is too long, or the run has used up its budget."""
        if collector.finish is not None:
            return False
        if collector.size > self._most:
            log.warning("run %s: the model's answer was cut off at %d characters", self.id, self.agent.max_answer)
        elif not self._is_spent():
            return False
        collector.finish = events.Finish("length")
        return True

    def _is_spent(self) -> bool:
        """Whether the budget is used up."""
        if self._spending is None:
            return False
        used = self.usage if self._collector.usage is None else self.usage + self._collector.usage
        return self._spending.check(used, time.monotonic())

    def _answering_model(self) -> str:
        """A stream that may be any of several models' says whose it is."""
        name = getattr(self._stream, "model", None)
        return self._model.name if name is None else str(name)

    def _add_usage(self) -> None:
        """Once for each model call, also for one that broke off: what it had used until then was used."""
        if self._collector.usage is not None:
            self.usage += self._collector.usage
            self._collector.usage = None

    def _start_tools(self, rest: Rest) -> Execution:
        calls, agent, request = rest.calls, self.agent, self.request
        self._is_spent()
        if self._spending is not None or request.max_tool_calls is not None or len(calls) > agent.max_calls:
            before = sum(isinstance(message, ToolMessage) for message in self._said)
            calls = limit_calls(calls, before, agent.max_calls, request.max_tool_calls, self._spending)
        for call in calls:
            self.acted = self.acted or self._toolset.effect(call.name) == "once"
        self._execution = Execution(
            self._deadline.loop,
            self._step,
            calls,
            self._toolset,
            self._context,
            agent.tool_timeout,
            self._approve,
            self._begin,
            rest.known,
            rest.asks,
            _NOT_BEGUN if self._progress is None else self._progress,
            agent.redactor,
            self._pause.possible,
        )
        return self._execution

    async def _wait(self, execution: Execution) -> events.RunWaiting:
        asked, effects = (execution.calls, execution.asks), self._toolset.effects
        self.waiting = await self._pause.begin(self.request, self._step, *asked, self.usage, effects)
        return self.waiting

    def _tools_executed(self, execution: Execution) -> events.ToolsExecuted:
        executed = events.ToolsExecuted(self._step, execution.results)
        self._said += map(conversation.tool_message, executed.results)
        return executed

    def _end_step(self, result: StepResult) -> list[events.RunEvent]:
        """What follows a step: the end of the run, the announcement of its last step, or nothing but the next step."""
        if result.client_calls:
            self.outcome = events.RunFinished("tool_calls", self.usage, self._step)
            return [events.ClientToolCalls(self._step, result.client_calls), self.outcome]
        if not result.server_calls and (result.finish != "pause" or self._last_step):
            self.outcome = events.RunFinished(result.finish, self.usage, self._step)
            return [self.outcome]
        if self._is_spent():
            self.outcome = events.RunFinished("length", self.usage, self._step)
            return [self.outcome]
        if self._last_step or self._step < self.agent.max_steps:
            return []
        if self.agent.on_max_steps == "stop":
            self.outcome = events.RunFinished("max_steps", self.usage, self._step)
            return [events.MaxStepsReached(self._step), self.outcome]
        self._last_step = True
        return [events.MaxStepsReached(self._step)]
