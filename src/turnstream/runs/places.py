"""Places for runs, and the queue of those that wait for one, in which principals take turns.

A place that is given back goes to the waiting principal that has the fewest; of those that have the same, to the one
that was served longest ago. So however many requests one principal sends, another one's next request comes next. And
the queue, which has a bound, is not one principal's: when it is full, a request of somebody who has fewer in it takes
the place of the last one of whoever has the most.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable
from types import TracebackType

from turnstream import errors

_RETRY_AFTER = 1.0  # seconds: nobody knows when a run ends


class Place:
    """``with`` it: leaving the block gives the place back."""

    __slots__ = ("_places", "_principal")

    def __init__(self, places: Places, principal: str) -> None:
        self._places, self._principal = places, principal

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places.give_back(self._principal)


class Places:
    """``most`` in all, of which ``queue`` requests more may wait, each for ``timeout`` seconds at most."""

    def __init__(self, most: int, queue: int = 0, timeout: float = 30.0) -> None:
        self._most, self._queue, self._timeout = most, queue, timeout
        self.taken: Counter[str] = Counter()
        self.in_use = self.waiting = 0
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()  # served longest ago first

    def resize(self, most: int, queue: int, timeout: float) -> None:
        """What counts from now on; whoever has a place, or waits for one, has it still."""
        self._most, self._queue, self._timeout = most, queue, timeout

    def take(self, principal: str, most: int | None) -> Place | None:
        """A place at once; None if there is none. ``most`` are those that the principal may have, those that
        it waits for included. Raises `RateLimitError`, and `ServerBusyError` where nobody may wait."""
        if most is not None and self.taken[principal] + len(self._lines.get(principal, ())) >= most:
            message = f"Too many runs at once: {most} are allowed. Try again when one of them has ended."
            raise errors.RateLimitError(message, retry_after=_RETRY_AFTER)
        if not self.waiting and self.in_use < self._most:
            return self._grant(principal)
        if not self._queue:
            raise errors.ServerBusyError("The server is busy: too many runs at once.")
        return None

    async def wait(self, principal: str, gone: Callable[[], Awaitable[object]]) -> Place | None:
        """The next place that comes to it; None if ``gone`` is done first, because the client is. Raises
        `QueueFullError`, `ServerBusyError`."""
        turn = self._enter(principal)
        leaving = asyncio.ensure_future(gone())
        try:
            await asyncio.wait((turn, leaving), timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if not turn.done():
                self._remove(principal, turn)
            elif turn.exception() is None:  # its place came at the same time
                self.give_back(principal)
            raise
        finally:
            is_gone = leaving.done()
            leaving.cancel()
        if turn.done():
            turn.result()
            return Place(self, principal)
        self._remove(principal, turn)
        if is_gone:
            return None
        raise errors.ServerBusyError("The server is busy: no run has ended in time.")

    def give_back(self, principal: str) -> None:
        self.in_use -= 1
        if (left := self.taken[principal] - 1) > 0:
            self.taken[principal] = left
        else:
            del self.taken[principal]  # names come from outside: none stays
        if self._lines:
            self._serve()

    def refuse_all(self, error: errors.TurnstreamError) -> None:
        """Nobody waits any longer."""
        for line in self._lines.values():
            for turn in line:
                turn.set_exception(error)
        self._lines.clear()
        self.waiting = 0

    def _grant(self, principal: str) -> Place:
        self.in_use += 1
        self.taken[principal] += 1
        return Place(self, principal)

    def _enter(self, principal: str) -> asyncio.Future[None]:
        if self.waiting >= self._queue:
            self._make_room(principal)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(principal, deque()).append(turn)
        self.waiting += 1
        return turn

    def _make_room(self, principal: str) -> None:
        """Raises `QueueFullError` unless somebody else has more in the queue than the principal would have."""
        full = errors.QueueFullError(f"{self._queue} requests wait already. Try again later.", retry_after=_RETRY_AFTER)
        greediest = max(self._lines, key=lambda name: len(self._lines[name]))
        if len(self._lines[greediest]) <= len(self._lines.get(principal, ())) + 1:
            raise full
        turn = self._lines[greediest][-1]
        self._remove(greediest, turn)
        turn.set_exception(full)

    def _remove(self, principal: str, turn: asyncio.Future[None]) -> None:
        line = self._lines[principal]
        line.remove(turn)
        self.waiting -= 1
        if not line:
            del self._lines[principal]

    def _serve(self) -> None:
        while self._lines and self.in_use < self._most:
            principal = min(self._lines, key=lambda name: self.taken[name])
            turn = self._lines[principal][0]
            self._remove(principal, turn)
            if principal in self._lines:
                self._lines.move_to_end(principal)
            self._grant(principal)
            turn.set_result(None)
