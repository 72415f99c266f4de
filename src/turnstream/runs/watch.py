"""A kept run as a response sees it: from its log, wherever it is executed. Leaving it ends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

from turnstream import errors, events, protocols, usage


class Watch:
    """What `supervisor.Handle` is for a run that nobody keeps. ``after`` is the seq behind which to begin; ``past`` are
    events that are shown before those.

    ``retracts`` says that the client is told what a takeover makes void. For a protocol that cannot take anything back,
    a takeover in the middle of a text is a failure of the stream, and never a silent repetition. ``opening`` is told
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
        past: protocols.NumberedEvents | None = None,
        opening: events.RunStarted | None = None,
        pauses: bool = False,
    ) -> None:
        self._runs = runs
        self.id, self.agent = run_id, agent
        self._past = past or []
        self._after, self._retracts = after, retracts
        self._opening, self._pauses = opening, pauses
        self._limit: asyncio.Timeout | None = None
        self.failure: events.RunFailed | None = None
        self.left = False

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[list[events.RunEvent]]]:
        try:
            async with asyncio.timeout(None) as limit, aclosing(self._batches()) as batches:
                self._limit = limit
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
            if self._past:
                shown = events.LogEvent if self._retracts else events.RunEvent
                yield cast("list[events.RunEvent]", [event for _, event in self._past if isinstance(event, shown)])
            async for numbered in self._runs.tail(self.id, self._after):
                batch = [event for seq, event in numbered if not (self._opening and _voids_nothing(seq, event))]
                if not self._retracts:
                    if any(isinstance(e, events.RunResumed) and e.void_from < seq for seq, e in numbered):
                        text = "The run went on elsewhere, and repeats what was shown. Ask for its result again."
                        self.failure = events.RunFailed("run_taken_over", text, 503, usage.Usage())
                        return
                    batch = [event for event in batch if isinstance(event, events.RunEvent)]
                if batch:
                    yield cast("list[events.RunEvent]", batch)  # or, for the native wire, others of the log
                if self._pauses and isinstance(numbered[-1][1], events.RunWaiting):
                    return
        except errors.TurnstreamError as error:
            self.failure = events.RunFailed(error.code, error.message, error.status, usage.Usage())


def _voids_nothing(seq: int, event: events.LogEvent) -> bool:
    """Of the owner who goes on with an answer: for who begins to watch there, that is a beginning."""
    return isinstance(event, events.RunResumed) and event.void_from >= seq
