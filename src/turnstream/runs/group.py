"""From the events of an owned run to its log and its watchers: coalesce, number, store, show, in this order.

The claim does the last three with whatever it is given; here is decided what that is, and when. Neighbouring pieces of
text that wait for the same append become one event, and only then events get their numbers. So the log holds a few
appends a second instead of one for each token, and who watches live sees the very events that a replay gives.

One append is under way at a time. What comes meanwhile waits for the next one, which begins with the next tick: all
runs of a process have the same ticks, so that their appends meet in one statement of the database. The end of a step, a
tool call and a terminal event do not wait for the tick: what follows them may rely on them being stored.

Text is handed over, stored and shown without a task being woken for it: by callbacks from the network read to the tick,
and from the answer of the database to whoever watches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from types import TracebackType
from typing import TYPE_CHECKING, cast

from turnstream import events, messages, protocols
from turnstream.runs import log

if TYPE_CHECKING:
    from typing import Self

_RELIED_ON: frozenset[type] = log.TERMINAL | {
    events.RunStarted,
    events.RunResumed,
    events.StepFinished,
    events.ToolCallsDetected,
    events.ToolBegan,
    events.ToolResult,
    events.RunWaiting,
}
_PIECES: frozenset[type] = events.TEXTS | {events.ToolCallArguments}
# An agent whose events cannot be stored, because the database is away, stops here until they can.
MOST_PENDING = 4096


def interval(runs: int) -> float:
    """Seconds from one tick to the next of a process that owns so many runs: 5,000 appends a second at most."""
    return 0.0002 * runs


def coalesce(batch: Sequence[events.LogEvent]) -> list[events.LogEvent]:
    """Neighbouring pieces of one text, or of the arguments of one call, as one event."""
    result: list[events.LogEvent] = []
    if len(kinds := {*map(type, batch)}) == 1 and kinds <= events.TEXTS:  # nearly always
        return [kinds.pop()("".join(map(events.text_of, batch)))]
    if _PIECES.isdisjoint(kinds):
        return [*batch]
    for kind, group in groupby(batch, _kind):
        pieces = list(group)
        match pieces[0]:
            case events.ToolCallArguments(tool_call_id=id):
                arguments = "".join(cast("events.ToolCallArguments", piece).arguments for piece in pieces)
                result.append(events.ToolCallArguments(id, arguments))
            case events.TextDelta() | events.ReasoningDelta() | events.RefusalDelta():
                text = "".join(cast("events.TextDelta", piece).text for piece in pieces)
                result.append(cast("type[events.TextDelta]", kind[0])(text))
            case _:
                result += pieces
    return result


def _kind(event: events.LogEvent) -> tuple[type, str]:
    """The same for those that are pieces of one thing."""
    return type(event), event.tool_call_id if isinstance(event, events.ToolCallArguments) else ""


class Ticks:
    """When the groups of a process append what has no hurry: all at once, and not before an `interval` has passed since
    they did so before. ``runs`` gives the number of runs that this process owns."""

    def __init__(self, runs: Callable[[], int] = lambda: 1) -> None:
        self._runs = runs
        self.groups: list[Group] = []
        self._last = 0.0

    def at_next(self, group: Group) -> None:
        if not self.groups:
            asyncio.get_running_loop().call_at(self._last + interval(self._runs()), self._tick)
        self.groups.append(group)

    def _tick(self) -> None:
        self._last = asyncio.get_running_loop().time()
        groups, self.groups = self.groups, []
        for group in groups:
            group.append()


class Group:
    """``async with`` it for as long as the claim is held.

    ``put`` and ``flush`` raise what the last append raised: `FencedError` when the run is another's.
    """

    __slots__ = (
        *("_appending", "_claim", "_failure", "_left", "_pending", "_said", "_stored", "_ticking", "_ticks"),
        "_urgent",
    )

    def __init__(self, claim: protocols.Claim, ticks: Ticks | None = None) -> None:
        self._claim = claim
        self._ticks = ticks or Ticks()
        self._pending: list[events.LogEvent] = []
        self._said: Sequence[messages.Message] = ()
        self._stored = asyncio.Event()  # for those who wait for it: see `flush`
        self._appending = self._urgent = self._ticking = self._left = False
        self._failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True

    async def put(self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message] = ()) -> None:
        """Hand over events. Returns at once for text; what the rest of the run relies on is stored on return. With the
        terminal event come the messages for the run's thread."""
        self._check()
        self._said = said
        self._pending += batch
        if len(self._pending) >= MOST_PENDING or not _RELIED_ON.isdisjoint(map(type, batch)):
            await self.flush()
        elif not self._appending and not self._ticking:
            self._ticking = True
            self._ticks.at_next(self)

    def offer(self, batch: Sequence[events.LogEvent]) -> bool:
        """`put` for pieces of text, from within a callback. False where only `put` can see to it."""
        pending = self._pending
        if self._failure is not None or len(pending) + len(batch) >= MOST_PENDING:
            return False
        pending += batch
        if not self._appending and not self._ticking:
            self._ticking = True
            if groups := self._ticks.groups:  # as `at_next` does it: this is for each token
                groups.append(self)
            else:
                self._ticks.at_next(self)
        return True

    async def flush(self) -> None:
        """Until everything is stored."""
        self._urgent = True
        self.append()
        if self._failure is None and (self._appending or self._pending):
            self._stored.clear()
            await self._stored.wait()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def append(self) -> None:
        """Begin to, if there is something and nothing is under way."""
        self._ticking = False
        batch = self._pending
        if self._appending or not batch or self._left or self._failure is not None:
            return
        self._pending = []
        self._appending = True
        try:
            self._claim.begin_append(batch if len(batch) == 1 else coalesce(batch), self._said, self._go_on)
        except Exception as error:  # what cannot be encoded
            self._fail(error)

    def _go_on(self, failure: BaseException | None) -> None:
        self._appending = False
        if failure is not None:
            self._fail(failure)
        elif self._pending:
            if self._urgent:
                self.append()
            elif not self._ticking:
                self._ticking = True
                self._ticks.at_next(self)
        elif self._urgent:
            self._urgent = False
            self._stored.set()

    def _fail(self, failure: BaseException) -> None:
        self._failure = failure
        self._stored.set()
