"""Executes the kept runs that this process owns: those that start here, and those that another process left.

A kept run lives in a task of its own, from `rules.begin` to the release of its claim. Nobody follows it directly: who
wants to see it reads its log (`Runs.tail`), here or on any other replica. It ends by itself, when somebody wishes that
it is cancelled, or when it turns out to be another process's; when this process leaves, it is given to another.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec
from msgspec.structs import replace

from turnstream import agent as agents, errors, events, messages, protocols, requests
from turnstream.runs import log, rules
from turnstream.runs.group import Group, Ticks
from turnstream.runs.interruption import Interruption
from turnstream.runs.watching import Watching

if TYPE_CHECKING:
    from typing import Self

logger = logging.getLogger(__name__)

# Seconds after its end for which the log of a run can be read, and between two looks for those that are over.
LOG_LIFETIME, EXPIRE_EVERY = 3600.0, 300.0
_LAST: frozenset[type] = log.TERMINAL | {events.RunWaiting}

ReadLog: TypeAlias = Callable[[], Awaitable[protocols.NumberedEvents]]


class Agents(Protocol):
    """The agents that this process has, by the names that requests use."""

    def config(self, agent: str) -> str:
        """The version of its configuration that a new run is started with (`NewRun.config`)."""
        ...

    def get(self, agent: str) -> agents.Agent | None:
        """As it is configured now."""
        ...

    def lease(self, new: protocols.NewRun) -> AbstractAsyncContextManager[agents.Agent | None]:
        """The agent in the version that the run was started with, for as long as the block lasts. None if it is not
        served any more. Raises `ConfigurationError`."""
        ...


class _Fixed:
    """Agents that stay as they are."""

    def __init__(self, agents: Mapping[str, agents.Agent]) -> None:
        self._agents = agents

    def config(self, agent: str) -> str:
        return ""

    def get(self, agent: str) -> agents.Agent | None:
        return self._agents.get(agent)

    @asynccontextmanager
    async def lease(self, new: protocols.NewRun) -> AsyncIterator[agents.Agent | None]:
        yield self._agents.get(new.agent)


class Keeper:
    """``async with`` it. ``agents`` are those that this process has, by the names that requests use. ``watches`` make
    those who watch each run. ``show`` gives the whole answer of a run that has ended, in its client's own protocol,
    where that has one. ``meter`` gives what counts a run's use, ``targets`` who is told of the runs of an agent
    (`NewRun.notify`). ``one_way`` are the dialects that cannot take back what they have shown."""

    def __init__(
        self,
        runs: protocols.Runs,
        threads: protocols.Threads,
        agents: Mapping[str, agents.Agent] | Agents,
        watches: Sequence[protocols.Watch] = (),
        show: Callable[[protocols.NewRun, ReadLog], Awaitable[bytes]] | None = None,
        meter: Callable[[protocols.NewRun], Awaitable[protocols.Meter | None]] | None = None,
        one_way: Collection[str] = (),
    ) -> None:
        self._show = show
        self._meter = meter
        self._one_way = frozenset(one_way)
        self.targets: Callable[[str], tuple[str, ...]] = lambda agent: ()
        self.runs = runs
        self.watches = tuple(watches)
        self._threads = threads
        self._agents = _Fixed(agents) if isinstance(agents, Mapping) else agents
        self._tasks: dict[asyncio.Task[None], protocols.Claim] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._ticks = Ticks(lambda: self.owned)

    async def __aenter__(self) -> Self:
        self._loops = [asyncio.create_task(loop()) for loop in (self._claim, self._expire)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    @property
    def owned(self) -> int:
        """Runs that this process executes now."""
        return len(self._tasks)

    async def start(self, new: protocols.NewRun) -> protocols.Submitted:
        """Accept a run, and begin with it at once if there is room. Raises as `Runs.submit` does."""
        start = events.RunStarted(new.id, new.agent, new.request.thread_id)
        accepted = await self.runs.submit(self._complete(new), here=True, start=start)
        if isinstance(accepted, protocols.Submitted):
            return accepted
        self._execute_soon(accepted)
        return protocols.Submitted(new.id)

    async def keep(self, new: protocols.NewRun, batch: Sequence[events.LogEvent]) -> None:
        """A run that begins to wait, and was nobody's but its client's so far. Raises as `Runs.keep` does."""
        await self.runs.keep(self._complete(new), batch)
        logger.info("run %s of %s waits", new.id, new.agent)

    def holds(self, agent: str) -> bool:
        """Whether protocols that cannot take anything back are shown each step of it when that is finished."""
        found = self._agents.get(agent)
        return found is not None and found.on_takeover == "hold"

    def _complete(self, new: protocols.NewRun) -> protocols.NewRun:
        """With what this process knows of its agent."""
        return replace(new, notify=self.targets(new.agent), config=self._agents.config(new.agent))

    async def leave(self) -> None:
        """Claim nothing more, and let other processes go on with what is under way. They begin at once."""
        tasks = [*self._tasks, *self._loops]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.runs.leave()

    async def cancel_of(self, principals: Callable[[requests.Principal], bool]) -> None:
        """Those that this process executes for them."""
        for claim in [claim for claim in self._tasks.values() if principals(claim.new.request.principal)]:
            try:
                await self.runs.cancel(claim.new.principal, claim.new.id)
            except errors.StoreError:
                logger.warning("run %s could not be cancelled", claim.new.id, exc_info=True)

    async def _claim(self) -> None:
        async for claim in self.runs.claims():
            self._execute_soon(claim)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(EXPIRE_EVERY)
            try:
                await self.runs.expire(LOG_LIFETIME)
                await self._end_questions()
            except errors.StoreError:
                logger.warning("logs of runs that ended could not be removed", exc_info=True)

    async def _end_questions(self) -> None:
        """Nobody has answered in time: that is a no."""
        now = time.time()
        for state in await self.runs.find_waiting():
            if isinstance(state.ending, events.RunWaiting) and (answered := rules.expire(state.ending, now)):
                await self.runs.answer(state.principal, state.id, answered)

    def _execute_soon(self, claim: protocols.Claim) -> None:
        task = asyncio.create_task(self._execute(claim))
        self._tasks[task] = claim
        task.add_done_callback(self._tasks.pop)

    async def _execute(self, claim: protocols.Claim) -> None:
        new, began = claim.new, time.monotonic()
        try:
            start = events.RunStarted(new.id, new.agent, new.request.thread_id)
            folded = await rules.begin(claim, start, continues=self._continues(new))
            if folded is None:
                return
            async with Group(claim, self._ticks) as pending:
                await self._answer(claim, folded, pending)
            if self._show is not None and (shown := await self._show(new, claim.log)):
                await self.runs.show(new.id, shown)
            await claim.release()
            logger.info("kept run %s of %s, %.2f s", new.id, new.agent, time.monotonic() - began)
        except protocols.FencedError:
            logger.warning("kept run %s is another process's by now", new.id)
        except Exception:  # another attempt may do better; a run that ends each of them is given up
            logger.exception("kept run %s broke off", new.id)
            await claim.give_back()

    def _continues(self, new: protocols.NewRun) -> bool:
        """Whether the model goes on with a text that another owner has begun. Not behind a guard, which may have
        changed what was shown of it."""
        agent = self._agents.get(new.agent)
        if agent is None or agent.on_takeover != "continue" or agent.guardrails is not None:
            return False
        return new.dialect in self._one_way and bool(getattr(agent.model, "continues", False))

    async def _answer(self, claim: protocols.Claim, folded: log.Fold, pending: Group) -> None:
        """From where the log is to the end of the run, or to where it waits."""
        new, failure = claim.new, None
        try:
            async with self._agents.lease(new) as agent:
                if agent is not None:
                    await self._resume(agent, claim, folded, pending)
                    return
            failure = "agent_not_found", f"The agent {new.agent!r} is not served any more.", 404
        except errors.ConfigurationError as error:
            logger.error("run %s: its agent's configuration cannot be used any more: %s", new.id, error.message)
            text = f"The configuration of {new.agent!r} that the run was started with cannot be used any more."
            failure = "configuration_gone", text, 500
        gone = events.RunFailed(*failure, folded.usage, None, False)
        await pending.put([gone], (*new.said, *folded.messages))

    async def _resume(self, agent: agents.Agent, claim: protocols.Claim, folded: log.Fold, pending: Group) -> None:
        new = claim.new

        async def begin(call: messages.ToolCall) -> None:
            await pending.put([events.ToolBegan(call.id, "once")])

        meter = None if self._meter is None else await self._meter(new)
        run = agent.resume(await self._request(new), folded.progress, run_id=new.id, begin=begin, meter=meter)
        watching = Watching(self.watches, _info(claim) if self.watches else protocols.RunInfo(new.id, new.agent))
        run.relay(watching.relay(pending.offer))
        end: Sequence[events.RunEvent] = ()
        try:
            with Interruption() as interruption:
                async with run:
                    claim.cancelled.call_when_set(interruption.interrupt)
                    claim.lost.call_when_set(interruption.interrupt)
                    try:
                        async with aclosing(watching.watch(run.batches())) as batches:
                            async for batch in batches:
                                if type(batch[-1]) in _LAST:
                                    end = batch  # appended once, when the run is left
                                else:
                                    await pending.put(batch)
                    finally:
                        claim.cancelled.call_when_set(None)
                        claim.lost.call_when_set(None)
        finally:
            watching.close(run.outcome or _pause(run) or events.RunCancelled(run.usage))
        if claim.lost.is_set():
            raise protocols.FencedError(new.id)
        last = _begin_wait(new, run, end) or (end or [events.RunCancelled(run.usage)])
        ended = isinstance(last[-1], log.Terminal)
        await pending.put(last, (*_new_messages(new, run), *run.messages) if ended else ())

    async def _request(self, new: protocols.NewRun) -> requests.RunRequest:
        if not new.history or new.thread is None:
            return new.request
        given = new.request.messages
        instructions = [message for message in given if isinstance(message, messages.SystemMessage)]
        said = [message for message in given if not isinstance(message, messages.SystemMessage)]
        while True:
            try:
                history = await self._threads.read(new.thread)
                return replace(new.request, messages=(*instructions, *history, *said))
            except errors.StoreError:
                await asyncio.sleep(0.5)


def _info(claim: protocols.Claim) -> protocols.RunInfo:
    """The trace is that of the request which asked for the run, whoever owns it now."""
    new, trace = claim.new, {}
    try:
        headers = msgspec.json.decode(new.body).get("headers", {})
        trace = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
    except (msgspec.DecodeError, RecursionError, AttributeError, TypeError):  # it was not asked for over HTTP
        pass
    thread = new.request.thread_id
    return protocols.RunInfo(
        new.id, new.agent, new.principal, new.dialect, thread, trace=trace, kept=True, attempt=claim.attempt
    )


def _new_messages(new: protocols.NewRun, run: agents.Run) -> Sequence[messages.Message]:
    """What is new to the thread, as the agent's guardrails let it in."""
    return run.request.messages[-len(new.said) :] if new.said else ()


def _begin_wait(
    new: protocols.NewRun, run: agents.Run, end: Sequence[events.RunEvent]
) -> Sequence[events.LogEvent] | None:
    """The beginning of its wait for a word about its own calls; or, in place of its end, for the results of calls that
    it has left to its client."""
    if run.waiting is not None:
        return [run.waiting]
    if not new.waits or len(end) < 2:
        return None
    match end[-2], end[-1]:
        case events.ClientToolCalls(step=step, tool_calls=calls), events.RunFinished(reason="tool_calls", usage=used):
            return [*end[:-1], events.RunWaiting(step, calls, usage=used)]
        case _:
            return None


def _pause(run: agents.Run) -> events.RunFinished | None:
    """For those who watch this process: its part of the run is over."""
    return None if run.waiting is None else events.RunFinished("tool_calls", run.usage, run.waiting.step)
