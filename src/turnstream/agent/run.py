"""One request being answered, from first byte to end: ask the model, run its tools, ask again."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING

import msgspec

from turnstream import conversation, events, messages, offload, protocols, requests, usage
from turnstream.agent import failure, history, options, reviews
from turnstream.agent.budget import Spending, limit_calls
from turnstream.agent.context import context_of
from turnstream.agent.deadline import Deadline, Entering, TimeLeft, min_of
from turnstream.agent.execution import Approve, Begin, Execution
from turnstream.agent.preparation import prepare_history
from turnstream.agent.resumption import Resumption
from turnstream.agent.step_calls import VISIBLE, StepCalls
from turnstream.agent.step_result import StepResult
from turnstream.agent.toolset import EMPTY, Toolset
from turnstream.agent.waiting import Pause
from turnstream.messages import ToolCall  # by name: a run has ``messages``
from turnstream.parsing.collect import Collector

if TYPE_CHECKING:
    from typing import Self

    from turnstream.agent.agent import Agent

log = logging.getLogger(__name__)

_TEXT = frozenset({events.TextDelta, events.ReasoningDelta, events.RefusalDelta})


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
        *("_agreed", "_approve", "_asked", "_begin", "_client_tools", "_collector", "_context", "_deadline"),
        *("_execution", "_generator", "_give", "_guard", "_history", "_housekeeping", "_last_step", "_meter", "_model"),
        *("_most", "_partial", "_pause", "_progress", "_said", "_shown", "_spending", "_started", "_step"),
        *("_stream", "_time_left", "_toolset"),
    )

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
        self.usage = usage.Usage()
        self.outcome: events.TerminalEvent | None = None
        self.acted = False
        self.waiting: events.RunWaiting | None = None
        self._started = events.RunStarted(self.id, agent.name, request.thread_id)
        self._pause = Pause(self._started, progress, wait, agent.ask_lifetime)
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
        self._history: tuple[messages.Message, ...] = ()
        self._guard = None if agent.guardrails is None else agent.guardrails.watch(self._context)
        self._said = conversation.Fold()  # for the model
        self._shown = self._said if self._guard is None else conversation.Fold()
        self._toolset = EMPTY
        self._client_tools = EMPTY.names_left_to_client(request.tools)
        self._collector = Collector()
        self._partial = ""
        self._spending: Spending | None = None
        self._stream: protocols.ModelStream | None = None
        self._execution: Execution | None = None
        self._generator: AsyncGenerator[list[events.RunEvent]] | None = None
        self._agreed: list[events.RunEvent] | None = None  # it is shown as it is: a person has seen to it
        self._give: protocols.Give | None = None

    @property
    def messages(self) -> list[messages.Message]:
        return self._shown.messages

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
        if self._guard is None and self.agent.budget is None and self._meter is None:
            self._give = give

    def batches(self) -> AsyncGenerator[list[events.RunEvent]]:
        """The run's events, as many at a time as came at once. The last event of the last batch is the terminal one."""
        if self._generator is not None:
            raise RuntimeError("a run can be iterated only once")
        self._generator = self._events() if self._guard is None else self._guard_events(self._guard)
        return self._generator

    async def _guard_events(self, guard: protocols.Guard) -> AsyncGenerator[list[events.RunEvent]]:
        """What of the run may be read. A guard that stops it ends the model call and the tools at once."""
        async with aclosing(self._events()) as unguarded:
            async for batch in unguarded:
                if batch is self._agreed:
                    yield self._note(batch, batch)
                    continue
                async with aclosing(guard.feed(batch)) as batches:
                    async for shown in batches:
                        yield self._note(batch, shown)
                if reviews.of(guard) and self._can_wait:
                    break
                if reviews.of(guard):
                    yield self._note(batch, guard.decide(await self._ask_now(reviews.of(guard), reviews.ANSWER)))
                if guard.stopped is not None:
                    break
            else:
                return
            held = reviews.hold(guard, batch) if reviews.of(guard) else None
            ending = self._unfinished_step(guard)
        if held is not None:
            self._pause.add_unfinished(held.before)
            self.outcome, self.waiting = None, await self._wait_for(reviews.of(guard), reviews.ANSWER, held)
            yield [self.waiting]
            return
        assert guard.stopped is not None
        self.outcome = events.RunFinished(guard.stopped, self.usage, self._step)
        self._shown.feed(ending)
        yield [*ending, self.outcome]

    def _note(self, batch: list[events.RunEvent], shown: list[events.RunEvent]) -> list[events.RunEvent]:
        self._shown.feed(shown)
        self._pause.note_altered(batch, shown)
        self._pause.add(shown)
        return shown

    @property
    def _can_wait(self) -> bool:
        """A front end's own questions about a conversation cannot: their answers are read by no person."""
        return self._pause.possible and not self._housekeeping

    async def _wait_for(
        self, asked: Sequence[protocols.Review], name: str, held: reviews.Held | None = None
    ) -> events.RunWaiting:
        calls, asks = reviews.questions(asked, name, self._step, time.time(), held)
        step, effects = max(1, self._step), self._toolset.effects
        return await self._pause.begin(self.request, step, calls, asks, self.usage, effects)

    async def _ask_now(self, asked: Sequence[protocols.Review], name: str) -> bool:
        """Where the run cannot wait: whoever is there, or nobody, and then the answer is no."""
        if self._approve is None or self._pause.possible:
            return False
        for review in asked:
            if await self._approve(reviews.call_for(review, name, self._step)) is not True:
                return False
        return True

    def _unfinished_step(self, guard: protocols.Guard) -> list[events.RunEvent]:
        message = guard.unfinished()
        if message is None or guard.stopped is None:
            return []
        tokens = self._collector.usage or usage.Usage()
        duration = time.monotonic() - self._asked
        return [events.StepFinished(self._step, message, guard.stopped, tokens, self._answering_model(), duration)]

    async def _events(self) -> AsyncGenerator[list[events.RunEvent]]:
        """The loop, and the one place that turns exceptions into events."""
        self._deadline = Deadline(min_of(self.agent.run_timeout, self.request.timeout))
        self._time_left.deadline = self._deadline
        if self.agent.budget is not None or self._meter is not None:
            before = None if self._progress is None else reviews.count_usage(self._progress)
            self._spending = Spending(self.agent.budget, time.monotonic(), self._meter, before)
        opening: list[events.RunEvent] = [] if self._progress is not None else [self._started]
        try:
            if opening and self._waits_before_model():
                yield opening
                opening = []
            if self.agent.guardrails is not None:
                await self._admit()
                if pausing := await self._review_request():
                    yield pausing
                    return
            await self._prepare()
            if self._progress is not None:
                async with aclosing(self._resume(self._progress)) as rest:
                    async for news in rest:
                        yield news
            while self.outcome is None and self.waiting is None:
                calls = self._begin_step()
                collector = self._collector
                if not self._housekeeping and not self._partial:
                    told, opening = [*opening, *self._tell(events.StepStarted(self._step))], []
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
                        if not VISIBLE.issuperset(map(type, batch)):
                            batch, visible = calls.feed(batch)
                        collector.feed(batch)
                        if visible:
                            yield visible
                        if (collector.size > self._most or self._spending is not None) and self._cut_off(collector):
                            break
                result = self._result(collector, calls)
                finished = self._finish_step(result, time.monotonic() - self._asked)
                if not result.server_calls:
                    yield [finished, *self._end_step(result)]
                    continue
                yield self._tell(finished, self._detect(result.server_calls))
                async with aclosing(self._use_tools(result, self._start_tools(result.server_calls))) as rest:
                    async for news in rest:
                        yield news
        except (asyncio.CancelledError, GeneratorExit):
            self._add_usage()
            if self.waiting is None:
                self.outcome = events.RunCancelled(self.usage)
            raise
        except Exception as error:  # whatever it is, the run ends with one terminal event
            self._add_usage()
            self.outcome = failure.end_by(error, self.id, self.usage)
            yield [*opening, self.outcome]
        finally:
            self._is_spent()  # what the last model call used counts too
            self._deadline.close()
            if self._execution is not None:
                await self._execution.cancel()
                self._execution = None

    def _take(self, batch: list[events.ModelEvent]) -> bool:
        """Hand on what is nothing but text, as the loop would; it must see to all else."""
        if len(batch) == 1:  # nearly always
            if type(event := batch[0]) not in _TEXT:
                return False
            size = len(event.text)  # type: ignore[union-attr]
        elif _TEXT.issuperset(map(type, batch)):
            size = sum(map(len, map(events.text_of, batch)))
        else:
            return False
        collector, give = self._collector, self._give
        if collector.size + size > self._most or give is None or not give(batch):  # type: ignore[arg-type]
            return False
        collector.feed(batch)
        return True

    def _begin_step(self) -> StepCalls:
        self._step += 1
        self._collector = Collector()
        if self._partial:
            self._collector.feed([events.TextDelta(self._partial)])
        prefix = f"call_{self.id[-12:]}_{self._step}"
        return StepCalls(self._step, prefix, self._used_call_ids, self._client_tools, wanted=not self._last_step)

    async def _resume(self, progress: conversation.Progress) -> AsyncGenerator[list[events.RunEvent]]:
        """Take over what another owner has done, and finish the step in which it left the run."""
        for fold in {id(fold): fold for fold in (self._said, self._shown)}.values():
            fold.messages.extend(progress.messages)
        self._step, self.usage, self._partial = progress.steps, progress.usage, progress.partial
        if (held := reviews.read_held(progress)) is not None:
            async with aclosing(self._resume_held(held, bool(reviews.is_approved(progress)))) as rest:
                async for news in rest:
                    yield news
            return
        if progress.last is None:
            return
        execution = None
        if progress.calls and not progress.executed:
            resumption = await Resumption.of(
                progress, self._toolset, self._context, self._deadline, self._guard is None
            )
            if resumption.results:
                yield [*resumption.results]
            execution = self._start_tools(resumption.calls, resumption.known, resumption.asks)
        answered = progress.calls or progress.answered
        result = StepResult(progress.last.message, answered, progress.client_calls, progress.last.finish)
        async with aclosing(self._use_tools(result, execution)) as rest:
            async for news in rest:
                yield news

    async def _resume_held(self, held: reviews.Held, approved: bool) -> AsyncGenerator[list[events.RunEvent]]:
        """Go on behind a step whose rest a guardrail has held."""
        self._step = held.step.step
        self.usage += held.step.usage
        if not approved:
            self.outcome = events.RunFinished("content_filter", self.usage, self._step)
            self._agreed = [held.deny(), self.outcome]
            yield self._agreed
            return
        self._said.feed([held.step])
        self._agreed = self._pause.with_effects(held.shown, self._toolset.effects)
        self._pause.note_altered([self._detect(held.calls)], self._agreed)
        yield self._agreed
        result = StepResult(held.step.message, held.calls, held.client_calls, held.step.finish)
        execution = self._start_tools(held.calls) if held.calls else None
        async with aclosing(self._use_tools(result, execution)) as rest:
            async for news in rest:
                yield news

    async def _use_tools(
        self, result: StepResult, execution: Execution | None
    ) -> AsyncGenerator[list[events.RunEvent]]:
        """The rest of a step: its tools, if they have not all answered yet, and what follows from their results."""
        if execution is not None:
            told: list[events.RunEvent] = []
            while not execution.is_over:
                if told:
                    yield told
                told = self._tell(*await self._next_of(execution))
            if execution.asks:
                if told:
                    yield told
                self.waiting = await self._pause.begin(
                    self.request, self._step, execution.calls, execution.asks, self.usage, self._toolset.effects
                )
                yield [self.waiting]
                return
            yield told + self._tell(self._tools_executed(execution))  # the last results with what follows from them
        if ending := self._end_step(result):
            yield ending

    def _tell(self, *batch: events.RunEvent) -> list[events.RunEvent]:
        """The batch. Behind a guard it is recorded as it is shown."""
        if self._guard is None:
            self._pause.add(batch)
        return [*batch]

    def _detect(self, calls: tuple[ToolCall, ...]) -> events.ToolCallsDetected:
        if self._progress is None:
            return events.ToolCallsDetected(self._step, calls)
        return events.ToolCallsDetected(self._step, calls, self._toolset.effects(calls))

    async def preview(self) -> requests.ModelRequest:
        """What its first model call would ask. The model is not asked, and the run does not begin."""
        self._deadline = Deadline(self.agent.run_timeout)
        try:
            await self._admit()
            await self._prepare()
            return self._model_request()
        finally:
            self._deadline.close()

    async def _admit(self) -> None:
        if self.agent.guardrails is not None:
            with self._deadline:
                self.request = await self.agent.guardrails.admit(self.request, self._context)

    async def _review_request(self) -> list[events.RunEvent]:
        """What the run tells in place of an answer, where a person has to agree to its request first; nothing where it
        goes on. Once it has begun, somebody has."""
        progress, guardrails = self._progress or conversation.Progress(), self.agent.guardrails
        if guardrails is None or progress.last is not None:
            return []
        approved = reviews.is_approved(progress) if progress.held is None else True
        if approved is None:
            with self._deadline:
                asked = await reviews.of_request(guardrails, self.request, self._context)
            if asked and self._can_wait:
                self.waiting = await self._wait_for(asked, reviews.REQUEST)
                return [self.waiting]
            if asked and not await self._ask_now(asked, reviews.REQUEST):
                raise reviews.refusal()
        if approved is not False:
            return []
        self.request = msgspec.structs.replace(self.request, messages=())  # no thread may have them
        self.outcome = events.RunFinished("content_filter", self.usage, 0)
        return [self.outcome]

    def _waits_before_model(self) -> bool:
        """Whether its start is told at once, and not with that of its first step: somebody may have to be asked before
        the model is."""
        if self._housekeeping or self.agent.guardrails is not None or self.agent.toolset is None:
            return True
        return len(self.request.messages) >= offload.MANY

    async def _prepare(self) -> None:
        for note in self.request.notes:
            log.info("run %s: %s", self.id, note)
        if not self._housekeeping:
            if (fixed := self.agent.toolset) is not None:
                self._toolset = fixed
            else:
                with self._deadline:
                    self._toolset = await Toolset.of(self.agent.toolboxes, self._context, self.agent.tool_timeout)
            self._client_tools = self._toolset.names_left_to_client(self.request.tools)
        self._history = await prepare_history(self.agent, self.request, self._deadline, housekeeping=self._housekeeping)

    def _model_request(self) -> requests.ModelRequest:
        """The next model call. The last one after ``max_steps`` has no tools, so that the user gets an answer."""
        wanted = self.request.options if self._housekeeping else self.agent.options.overlaid(self.request.options)
        so_far = (*self._history, *self._said.messages)
        if self._partial:
            so_far, self._partial = (*so_far, messages.AssistantMessage((messages.TextPart(self._partial),))), ""
        if self._last_step:
            return requests.ModelRequest(so_far, (), options.without_tools(wanted), time.time())
        if self._step > 1:
            wanted = options.after_first_step(wanted)
        return requests.ModelRequest(so_far, self._toolset.offer(self.request.tools), wanted, time.time())

    async def _next_of(self, execution: Execution) -> list[events.RunEvent]:
        with self._deadline:
            return await execution.next()

    def _used_call_ids(self) -> set[str]:
        return history.call_ids((*self._history, *self._said.messages))

    def _result(self, collector: Collector, calls: StepCalls) -> StepResult:
        return StepResult.of(collector, calls, self._client_tools, with_calls=not self._last_step)

    def _finish_step(self, result: StepResult, duration: float) -> events.StepFinished:
        """Add up what the model call used, and keep what it said."""
        tokens = self._collector.usage or usage.Usage()
        self._add_usage()
        name = self._answering_model()
        finished = events.StepFinished(self._step, result.message, result.finish, tokens, name, duration)
        self._said.feed([finished])
        return finished

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
        return str(getattr(self._stream, "model", self._model.name))

    def _add_usage(self) -> None:
        """Once for each model call, also for one that broke off: what it had used until then was used."""
        if self._collector.usage is not None:
            self.usage += self._collector.usage
            self._collector = Collector()

    def _start_tools(
        self,
        calls: Sequence[ToolCall],
        known: Mapping[str, events.ToolResult] = MappingProxyType({}),
        asks: Sequence[events.Ask] = (),
    ) -> Execution:
        before = sum(isinstance(message, messages.ToolMessage) for message in self._said.messages)
        self._is_spent()
        calls = limit_calls(calls, before, self.agent.max_calls, self.request.max_tool_calls, self._spending)
        self.acted = self.acted or any(self._toolset.effect(call.name) == "once" for call in calls)
        timeout = self.agent.tool_timeout
        hooks = self._approve, self._begin
        progress = self._progress or conversation.Progress()
        can_wait, hidden = self._pause.possible, self.agent.redactor
        self._execution = Execution(
            self._step, calls, self._toolset, self._context, timeout, *hooks, known, asks, progress, hidden, can_wait
        )
        return self._execution

    def _tools_executed(self, execution: Execution) -> events.ToolsExecuted:
        executed = events.ToolsExecuted(self._step, execution.results)
        self._said.feed([executed])
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
