"""Time limits that nearly never pass: many of them share one timer of the event loop.

A stream has half a dozen, all taken back before their time. A timer of the loop's own is five objects (700 bytes with
uvloop) and two entries in its books; one of these is an entry in a heap, and to put it off or take it back is an
assignment: where its entry is too early, it moves when that is reached.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import math
from collections.abc import Callable

_MOST_VOID = 128  # entries that may stay in the heap, or a quarter of it


class Timer:
    """Calls its callback at the time that it is set to, once, in a context of its own: `contextvars` of whoever sets it
    are not there. It can be set again and again."""

    __slots__ = ("_number", "_place", "_timers", "callback", "when")

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
        self._timers = _OF_LOOPS.get(loop) or _begin(loop)
        self.callback: Callable[[], object] | None = callback
        self.when = math.inf  # by the loop's clock, in seconds; infinite while it is not set
        self._place = math.inf  # the time of its entry in the heap
        self._number = 0  # of that entry

    def set_at(self, when: float) -> None:
        self.when = when
        if when < self._place:
            if self._place != math.inf:
                self._timers.note_void()
            self._place = when
            self._number = self._timers.put(when, self)

    def set_later(self, seconds: float) -> None:
        """So many seconds from now."""
        self.set_at(self._timers.now() + seconds)

    def is_set(self) -> bool:
        return self.when != math.inf

    def stop(self) -> None:
        """It is not called unless it is set again. Its callback is kept."""
        self.when = math.inf

    def cancel(self) -> None:
        """It is never called, and its callback, which may hold the timer, is let go."""
        if self.callback is not None:
            self.callback, self.when = None, math.inf
            if self._place != math.inf:
                self._timers.note_void()


class _Timers:
    """Of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = loop.time
        self.heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count(1)  # of two at the same time the one that was put first is first
        self._due = math.inf  # when the loop's own timer is
        self._handle: asyncio.TimerHandle | None = None
        self._void = 0  # entries that were left for an earlier one, or whose timer is cancelled
        self._context = contextvars.Context()  # nobody's in particular

    def put(self, when: float, timer: Timer) -> int:
        """The number of its entry."""
        number = next(self._numbers)
        heapq.heappush(self.heap, (when, number, timer))
        if when < self._due:
            self._arm(when)
        return number

    def note_void(self) -> None:
        self._void += 1
        if self._void > _MOST_VOID and 4 * self._void > len(self.heap):
            self.heap = [entry for entry in self.heap if _is_valid(entry)]
            heapq.heapify(self.heap)
            self._void = 0

    def _arm(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._due = when
        self._handle = self._loop.call_at(when, self._fire, context=self._context)

    def _fire(self) -> None:
        self._handle, self._due = None, math.inf
        now = self.now()
        try:
            while self.heap and (self.heap[0][0] <= now or not _is_valid(self.heap[0])):
                entry = heapq.heappop(self.heap)
                if _is_valid(entry):
                    self._call(entry[2], now)
                else:
                    self._void -= 1
        finally:  # the loop tells of what a callback raised; the others have their time all the same
            if self.heap and self.heap[0][0] < self._due:
                self._arm(self.heap[0][0])

    def _call(self, timer: Timer, now: float) -> None:
        """Or put it to the time that it was set to since."""
        timer._place = math.inf
        if timer.when <= now:
            timer.when = math.inf
            assert timer.callback is not None
            timer.callback()
        elif timer.when != math.inf:
            timer.set_at(timer.when)


def _is_valid(entry: tuple[float, int, Timer]) -> bool:
    return entry[1] == entry[2]._number and entry[2].callback is not None


_OF_LOOPS: dict[asyncio.AbstractEventLoop, _Timers] = {}


def call_at(loop: asyncio.AbstractEventLoop, when: float, callback: Callable[[], object]) -> Timer:
    """Call it at that time of the loop's clock, in seconds, unless the timer is cancelled before."""
    timer = Timer(loop, callback)
    timer.set_at(when)
    return timer


def call_later(loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object]) -> Timer:
    """As `call_at`, so many seconds from now."""
    return call_at(loop, loop.time() + seconds, callback)


def _begin(loop: asyncio.AbstractEventLoop) -> _Timers:
    for other in [other for other in _OF_LOOPS if other.is_closed()]:  # nothing of theirs will be called
        del _OF_LOOPS[other]
    timers = _OF_LOOPS[loop] = _Timers(loop)
    return timers
