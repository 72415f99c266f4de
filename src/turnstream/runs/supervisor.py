"""Owns the runs of this process: starts them, knows which are alive, ends them.

A run that nobody keeps lives exactly as long as its one subscriber follows it. It is iterated in the subscriber's own
task: what comes of the agent goes on without a queue, a copy, or an await more. To end it from outside, what it waits
for is cancelled and nothing else (`turnstream.runs.interruption`).

::

    handle = supervisor.start(agent, request, run_id)
    async with handle.follow() as batches:
        async for batch in batches: …
    handle.failure                      # why it was ended from outside, if it was
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from turnstream import agent as agents, events, messages, protocols, requests, usage
from turnstream.runs.interruption import Interruption
from turnstream.runs.watching import Watching

log = logging.getLogger(__name__)

_NO_TRACE: Mapping[str, str] = {}


def new_id() -> str:
    return f"run_{os.urandom(16).hex()}"


class Handle:
    """One run, in the hands of whoever follows it. ``left`` says whether its follower went before its end."""

    __slots__ = ("_batches", "_began", "_failure", "_interruption", "_live", "_run", "_watching", "left")

    def __init__(self, run: agents.Run, live: dict[str, Handle], watching: Watching) -> None:
        self._run, self._live, self._watching = run, live, watching
        self._interruption: Interruption | None = None  # while the run can be ended from outside
        self._batches: AsyncGenerator[list[events.RunEvent]] | None = None
        self._failure: events.RunFailed | None = None
        self._began = 0.0
        self.left = False

    @property
    def id(self) -> str:
        return self._run.id

    @property
    def agent(self) -> str:
        """The name by which the service has it."""
        return self._watching.info.agent

    @property
    def principal(self) -> str:
        """Whom it works for."""
        return self._run.request.principal.name

    @property
    def request(self) -> requests.RunRequest:
        """What it answers, as its agent's guardrails let it in."""
        return self._run.request

    @property
    def acted(self) -> bool:
        """Whether asking the same again may do harm."""
        return self._run.acted

    @property
    def messages(self) -> list[messages.Message]:
        """What the run has added to the conversation so far."""
        return self._run.messages

    @property
    def ending(self) -> events.TerminalEvent:
        """How it ended; a run that has not, or never began, is left with this."""
        run = self._run
        paused = None if run.waiting is None else events.RunFinished("tool_calls", run.usage, run.waiting.step)
        return self.failure or run.outcome or paused or events.RunCancelled(run.usage)

    @property
    def failure(self) -> events.RunFailed | None:
        """Why the run was ended from outside; None where it came to an end of its own, or has been left."""
        return self._failure if isinstance(self._run.outcome, events.RunCancelled) else None

    def follow(self) -> AbstractAsyncContextManager[AsyncIterator[list[events.RunEvent]]]:
        """The run's batches, once. Leaving the block ends the run, and the end of the run leaves the block."""
        return self

    async def __aenter__(self) -> AsyncIterator[list[events.RunEvent]]:
        self._began = time.monotonic()
        self._live[self._run.id] = self
        try:
            await self._run.__aenter__()
        except BaseException:
            self._close()
            raise
        self._interruption = Interruption()
        if self.left or self._failure is not None:  # before it began
            self._stop()
        self._batches = self._watching.watch(self._run.batches())
        return self._batches

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        interruption, batches, self._interruption, self._batches = self._interruption, self._batches, None, None
        assert interruption is not None
        assert batches is not None
        interruption.close()  # what closes the run is not to be interrupted
        try:
            try:
                await batches.aclose()
            finally:
                await self._run.__aexit__(kind, error, trace)
        finally:
            only_this = interruption.settle()
            self._close()
        return only_this and kind is asyncio.CancelledError

    def _close(self) -> None:
        del self._live[self._run.id]
        if self._watching.watchers:
            self._watching.close(self.ending)
        self._report(time.monotonic() - self._began)

    def relay(self, give: protocols.Give) -> None:
        """Offer the follower's ``give`` what can be shown as it comes, see `turnstream.agent.Run.relay`."""
        self._run.relay(self._watching.relay(give))

    def leave(self) -> None:
        """The follower has gone, and with it whoever wanted the run."""
        self.left = self._failure is None
        self._stop()

    def end(self, failure: events.RunFailed) -> None:
        """Somebody else wants the run to end; its follower is left with `failure`. Nothing if it is over."""
        if self._failure is None and not self.left and self._run.outcome is None:
            self._failure = failure
            self._stop()

    def _stop(self) -> None:
        if self._interruption is not None:
            self._interruption.interrupt()

    def _report(self, seconds: float) -> None:
        """One line in the log for each run, without a word of what was said."""
        if not log.isEnabledFor(logging.INFO):
            return
        run, failure = self._run, self.failure
        match failure or run.outcome:
            case events.RunFinished(reason=reason, steps=steps):
                end = f"finished ({reason}), steps: {steps}"
            case None if run.waiting is not None:
                end = f"waits, questions: {len(run.waiting.asks)}"
            case events.RunFailed(code=code):
                end = f"failed ({code})" if failure is None else f"ended ({code})"
            case _:
                end = "ended: client disconnected"
        info, used, trace = self._watching.info, run.usage, self._watching.trace_id
        whose = f"for {info.principal}, request {info.request_id or '-'}{f', trace {trace}' if trace else ''}"
        fields = {
            "run": run.id,
            "agent": info.agent,
            "dialect": info.dialect,
            "thread": info.thread_id,
            "principal": info.principal,
            "request": info.request_id,
            "trace": trace,
            "seconds": round(seconds, 3),
            "input_tokens": used.input,
            "output_tokens": used.output,
        }
        told = f"{end}, {used.input} + {used.output} tokens"
        words = (run.id, info.agent, told, seconds, whose)
        # What `log.info` does but for the look for its caller, which is known: the line is a tenth of a short request.
        where = __file__, Handle._report.__code__.co_firstlineno
        text = "run %s of %s %s, %.2f s, %s"
        record = logging.getLogRecordFactory()(log.name, logging.INFO, *where, text, words, None, "_report")
        record.fields = fields
        log.handle(record)


class Supervisor:
    """``live`` are the runs that are followed now, by id; ``watches`` make those who watch each."""

    def __init__(self, watches: Sequence[protocols.Watch] = ()) -> None:
        self.live: dict[str, Handle] = {}
        self.watches = tuple(watches)

    def start(
        self,
        agent: agents.Agent,
        request: requests.RunRequest,
        run_id: str,
        *,
        name: str = "",
        request_id: str = "",
        dialect: str = "",
        trace: Mapping[str, str] = _NO_TRACE,
        meter: protocols.Meter | None = None,
        wait: protocols.BeginWait | None = None,
    ) -> Handle:
        """What is by name is for those who watch, and for the log (`protocols.RunInfo`). The ``meter`` counts what the
        run uses."""
        principal, thread = request.principal.name, request.thread_id
        info = protocols.RunInfo(run_id, name or agent.name, principal, dialect, thread, request_id, dict(trace))
        run = agent.run(request, run_id=run_id, meter=meter, wait=wait)
        return Handle(run, self.live, Watching(self.watches, info))

    def cancel(self, run_id: str, principal: requests.Principal) -> bool:
        """End it for its own principal. False if the run is unknown, has ended, or belongs to another principal."""
        handle = self.live.get(run_id)
        if handle is None or handle.principal != principal.name:
            return False
        return self.end(run_id)

    def end(self, run_id: str) -> bool:
        """End it, whoever's it is. False if there is none."""
        if (handle := self.live.get(run_id)) is not None:
            handle.end(events.RunFailed("cancelled", "The run was cancelled.", 499, usage.Usage()))
        return handle is not None

    def end_all(self, failure: events.RunFailed) -> None:
        for handle in tuple(self.live.values()):
            handle.end(failure)
