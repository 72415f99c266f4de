"""A kept run as a response sees it: from its log, wherever it is executed. Leaving it ends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

from turnstream import errors, events, protocols, usage
from turnstream.runs import takeover


class Watch:
    """What `supervisor.Handle` is for a run that nobody keeps. ``after`` is the seq behind which to begin; ``past`` are
    events that are shown before those.

    ``retracts`` says that the client is told what a takeover makes void. A protocol that cannot take anything back is
    never sent a silent repetition; with ``hold`` it is shown each step when that is finished. ``opening`` is told
    before anything else, and with ``pauses`` the stream ends where the run begins to wait.
    """

    acted = True

    def __init__(
        self,
        runs: protocols.Runs,
        run_id: str,
        agent: str,
        *,
        after: int = 0,
        retracts: bool = True,
        hold: bool = False,
        past: protocols.NumberedEvents | None = None,
        opening: events.RunStarted | None = None,
        pauses: bool = False,
    ) -> None:
        self._runs = runs
        self.id, self.agent = run_id, agent
        self._past = past or []
        self._after = after
        self._one_way = None if retracts else takeover.OneWay(hold=hold)
        self._opening, self._pauses = opening, pauses
        self._limit: asyncio.Timeout | None = None
        self.failure: events.RunFailed | None = None
        self.left = False

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[list[events.RunEvent]]]:
        try:
            async with asyncio.timeout(None) as limit, aclosing(self._batches()) as batches:
                self._limit = limit
                if self.left or self.failure is not None:  # before it began
                    self._stop()
                yield batches
        except TimeoutError:
            if self.failure is None and not self.left:
                raise
        finally:
            self._limit = None

    def relay(self, give: protocols.Give) -> None:
        """What comes of a log comes in batches."""

    def leave(self) -> None:
        self.left = self.failure is None
        self._stop()

    def end(self, failure: events.RunFailed) -> None:
        """The response fails; the run goes on."""
        if self.failure is None and not self.left:
            self.failure = failure
            self._stop()

    def _stop(self) -> None:
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def _batches(self) -> AsyncGenerator[list[events.RunEvent]]:
        if self._opening is not None:
            yield [self._opening]
        try:
            if self._past and (past := self._show(self._past)):
                yield past
            async for numbered in self._runs.tail(self.id, self._after):
                fresh = [(seq, event) for seq, event in numbered if not (self._opening and _voids_nothing(seq, event))]
                if batch := self._show(fresh):
                    yield batch
                if self._pauses and isinstance(numbered[-1][1], events.RunWaiting):
                    return
        except takeover.LostCallError:
            text = "The run went on elsewhere, and repeats a tool call that was shown. Ask for its result again."
            self.failure = events.RunFailed("run_taken_over", text, 503, usage.Usage())
        except errors.TurnstreamError as error:
            self.failure = events.RunFailed(error.code, error.message, error.status, usage.Usage())

    def _show(self, numbered: protocols.NumberedEvents) -> list[events.RunEvent]:
        if self._one_way is not None:
            return self._one_way.feed(numbered)
        return cast("list[events.RunEvent]", [event for _, event in numbered])  # or, for some wires, others of the log


def _voids_nothing(seq: int, event: events.LogEvent) -> bool:
    """Of the owner who goes on with an answer: for who begins to watch there, that is a beginning."""
    return isinstance(event, events.RunResumed) and event.void_from >= seq
