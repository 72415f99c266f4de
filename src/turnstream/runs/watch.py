"""A kept run as a response sees it: from its log, wherever it is executed. Leaving it ends nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

from turnstream import errors, events, protocols, usage
from turnstream.runs import takeover
from turnstream.runs.interruption import Interruption


class Watch:
    """What `supervisor.Handle` is for a run that nobody keeps. ``after`` is the seq behind which to begin; ``past`` are
    events that are shown before those.

    ``retracts`` says that the client is told what a takeover makes void. A protocol that cannot take anything back is
    never sent a silent repetition; with ``hold`` it is shown each step when that is finished. ``opening`` is told
    before anything else, and with ``pauses`` the stream ends where the run begins to wait. To whoever gives a `relay`
    pieces of text go as they are stored, and all else as batches.
    """

    __slots__ = (
        *("_give", "_interruption", "_one_way", "_opening", "_past", "_pauses", "_tail"),
        *("agent", "failure", "id", "left"),
    )
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
        self.id, self.agent = run_id, agent
        self._past = past or []
        self._one_way = None if retracts else takeover.OneWay(hold=hold)
        self._opening, self._pauses = opening, pauses
        self._interruption: Interruption | None = None  # while it is followed
        self._give: protocols.Give | None = None
        self._tail = runs.tail(run_id, after)
        self.failure: events.RunFailed | None = None
        self.left = False

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[list[events.RunEvent]]]:
        try:
            with Interruption() as self._interruption:
                if self.left or self.failure is not None:  # before it began
                    self._stop()
                async with aclosing(self._batches()) as batches:
                    yield batches
        finally:
            self._interruption = self._give = None

    def relay(self, give: protocols.Give) -> None:
        self._give, one_way = give, self._one_way
        self._tail.relay(one_way.hold_texts if one_way is not None and one_way.holds else self._take)

    def _take(self, seq: int, batch: Any) -> bool:
        if self._give is None or not self._give(batch):
            return False
        if (one_way := self._one_way) is not None:
            if len(batch) > 1:
                one_way.note_texts(seq, batch)
            elif type(batch[0]) is events.TextDelta:  # the same, for nearly all
                one_way.last_text = seq
        return True

    def leave(self) -> None:
        self.left = self.failure is None
        self._stop()

    def end(self, failure: events.RunFailed) -> None:
        """The response fails; the run goes on."""
        if self.failure is None and not self.left:
            self.failure = failure
            self._stop()

    def _stop(self) -> None:
        if self._interruption is not None:
            self._interruption.interrupt()

    async def _batches(self) -> AsyncGenerator[list[events.RunEvent]]:
        if self._opening is not None:
            yield [self._opening]
        try:
            if self._past and (past := self._show(self._past)):
                yield past
            async with aclosing(self._tail):
                async for numbered in self._tail:
                    if batch := self._unshown(numbered):
                        yield batch
                    if self._pauses and isinstance(numbered[-1][1], events.RunWaiting):
                        return
        except takeover.LostCallError:
            text = "The run went on elsewhere, and repeats a tool call that was shown. Ask for its result again."
            self.failure = events.RunFailed("run_taken_over", text, 503, usage.Usage())
        except errors.TurnstreamError as error:
            self.failure = events.RunFailed(error.code, error.message, error.status, usage.Usage())

    def _unshown(self, numbered: protocols.NumberedEvents) -> list[events.RunEvent]:
        """What can be shown of it."""
        if self._opening is not None:
            numbered = [each for each in numbered if not _voids_nothing(*each)]
        return self._show(numbered)

    def _show(self, numbered: protocols.NumberedEvents) -> list[events.RunEvent]:
        if self._one_way is not None:
            return self._one_way.feed(numbered)
        return cast("list[events.RunEvent]", [event for _, event in numbered])  # or, for some wires, others of the log


def _voids_nothing(seq: int, event: events.LogEvent) -> bool:
    """Of the owner who goes on with an answer: for who begins to watch there, that is a beginning."""
    return isinstance(event, events.RunResumed) and event.void_from >= seq
