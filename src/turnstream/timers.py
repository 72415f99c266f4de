"""Time limits that nearly never pass: many of them share one timer of the event loop.

A stream has half a dozen, all taken back before their time. A timer of the loop's own is five objects (700 bytes with
uvloop) and two entries in its books; one of these is an entry in a heap, and taking it back is one assignment.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import math
from collections.abc import Callable

from msgspec import Struct

_MOST_CANCELLED = 128  # that may stay in the heap, or a quarter of it


class Timer(Struct, order=True):
    """Calls its callback once, at its time. ``callback`` is None once it was called or cancelled. Of two at the same
    time the one with the smaller ``number`` is first."""

    when: float
    number: int
    callback: Callable[[], object] | None
    timers: _Timers

    def cancel(self) -> None:
        if self.callback is not None:
            self.callback = None  # which may hold the timer
            self.timers.note_cancelled()


class _Timers:
    """Of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.heap: list[Timer] = []
        self.numbers = itertools.count()
        self.due = math.inf  # when the loop's own timer is
        self._handle: asyncio.TimerHandle | None = None
        self._cancelled = 0
        self._context = contextvars.Context()  # nobody's in particular

    def arm(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self.due = when
        self._handle = self._loop.call_at(when, self._fire, context=self._context)

    def note_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > _MOST_CANCELLED and 4 * self._cancelled > len(self.heap):
            self.heap = [timer for timer in self.heap if timer.callback is not None]
            heapq.heapify(self.heap)
            self._cancelled = 0

    def _fire(self) -> None:
        self._handle, self.due = None, math.inf
        now = self._loop.time()
        try:
            while self.heap and (self.heap[0].when <= now or self.heap[0].callback is None):
                timer = heapq.heappop(self.heap)
                callback, timer.callback = timer.callback, None
                if callback is None:
                    self._cancelled -= 1
                else:
                    callback()
        finally:  # the loop tells of what a callback raised; the others have their time all the same
            if self.heap and self.heap[0].when < self.due:
                self.arm(self.heap[0].when)


_OF_LOOPS: dict[asyncio.AbstractEventLoop, _Timers] = {}


def call_at(loop: asyncio.AbstractEventLoop, when: float, callback: Callable[[], object]) -> Timer:
    """Call it at that time of the loop's clock, in seconds, unless the timer is cancelled before. In a context of its
    own: `contextvars` of whoever asks for it are not there."""
    timers = _OF_LOOPS.get(loop) or _begin(loop)
    timer = Timer(when, next(timers.numbers), callback, timers)
    heapq.heappush(timers.heap, timer)
    if when < timers.due:
        timers.arm(when)
    return timer


def call_later(loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object]) -> Timer:
    """As `call_at`, so many seconds from now."""
    return call_at(loop, loop.time() + seconds, callback)


def _begin(loop: asyncio.AbstractEventLoop) -> _Timers:
    for other in [other for other in _OF_LOOPS if other.is_closed()]:  # nothing of theirs will be called
        del _OF_LOOPS[other]
    timers = _OF_LOOPS[loop] = _Timers(loop)
    return timers
