"""From the events of an owned run to its log and its watchers: coalesce, number, store, show, in this order.

The claim does the last three with whatever it is given; here is decided what that is, and when. Neighbouring pieces of
text that wait for the same append become one event, and only then events get their numbers. So the log holds a few
appends a second instead of one for each token, and who watches live sees the very events that a replay gives.

One append is under way at a time. What comes meanwhile waits for the next one, which begins with the next tick: all
runs of a process have the same ticks, so that their appends meet in one statement of the database. The end of a step, a
tool call and a terminal event do not wait for the tick: what follows them may rely on them being stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from types import TracebackType
from typing import TYPE_CHECKING, cast

from turnstream import events, messages, protocols
from turnstream.runs import log

if TYPE_CHECKING:
    from typing import Self

_RELIED_ON = (
    events.RunStarted
    | events.RunResumed
    | events.StepFinished
    | events.ToolCallsDetected
    | events.ToolBegan
    | events.ToolResult
    | events.RunWaiting
    | log.Terminal
)
# An agent whose events cannot be stored, because the database is away, stops here until they can.
MOST_PENDING = 4096


def interval(runs: int) -> float:
    """Seconds between two ticks of a process that owns so many runs: 4,000 appends a second at most."""
    return max(0.025, 0.00025 * runs)


def coalesce(batch: Iterable[events.LogEvent]) -> list[events.LogEvent]:
    """Neighbouring pieces of one text, or of the arguments of one call, as one event."""
    result: list[events.LogEvent] = []
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


class Group:
    """``async with`` it for as long as the claim is held. ``runs`` gives the number of runs that this process owns.

    ``put`` and ``flush`` raise what the last append raised: `FencedError` when the run is another's.
    """

    def __init__(self, claim: protocols.Claim, runs: Callable[[], int] = lambda: 1) -> None:
        self._claim = claim
        self._runs = runs
        self._pending: list[events.LogEvent] = []
        self._said: Sequence[messages.Message] = ()
        self._something, self._stored = asyncio.Event(), asyncio.Event()
        self._urgent = False
        self._waiting: asyncio.Future[None] | None = None
        self._stored.set()
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.cancel()
            await asyncio.wait([self._writer])

    async def put(self, batch: Sequence[events.LogEvent], said: Sequence[messages.Message] = ()) -> None:
        """Hand over events. Returns at once for text; what the rest of the run relies on is stored on return. With the
        terminal event come the messages for the run's thread."""
        self._check()
        self._pending += batch
        self._said = said
        self._stored.clear()
        self._something.set()
        if any(isinstance(event, _RELIED_ON) for event in batch) or len(self._pending) >= MOST_PENDING:
            await self.flush()

    def offer(self, batch: Sequence[events.LogEvent]) -> bool:
        """`put` for pieces of text, from within a callback. False where only `put` can see to it."""
        if self._writer is None or self._writer.done() or len(self._pending) + len(batch) >= MOST_PENDING:
            return False
        self._pending += batch
        self._stored.clear()
        self._something.set()
        return True

    async def flush(self) -> None:
        """Until everything is stored."""
        self._urgent = True
        if self._waiting is not None:
            _wake(self._waiting)
        stored = asyncio.ensure_future(self._stored.wait())
        writer = self._writer
        assert writer is not None, "enter the group first"
        try:
            await asyncio.wait([stored, writer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stored.cancel()
        self._check()

    def _check(self) -> None:
        if self._writer is not None and self._writer.done():
            self._writer.result()

    async def _write(self) -> None:
        while True:
            await self._something.wait()
            await self._tick()
            batch, self._pending = coalesce(self._pending), []
            self._something.clear()
            self._urgent = False
            await self._claim.append(batch, self._said)
            if not self._pending:
                self._stored.set()

    async def _tick(self) -> None:
        """Wait for the next tick, or for an event that must not wait. With a timer of its own: to be interrupted by a
        time-out, each time, would cost more than the rest of an append."""
        if self._urgent:
            return
        length, loop = interval(self._runs()), asyncio.get_running_loop()
        now = loop.time()
        self._waiting = loop.create_future()
        timer = loop.call_at(now + length - now % length, _wake, self._waiting)
        try:
            await self._waiting
        finally:
            self._waiting = None
            timer.cancel()


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
