"""Time limits that nearly never pass: many of them share one timer of the event loop.

A stream has half a dozen, all taken back before their time. A timer of the loop's own is five objects (900 bytes with
uvloop) and two entries in its books; one of these is a tuple in a heap, and taking it back is one assignment.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import weakref
from collections.abc import Callable

_MOST_CANCELLED = 128  # that may stay in the heap, or as many as are waiting


class Timer:
    """Calls ``callback`` once, at its time."""

    __slots__ = ("_callback", "_timers", "when")

    def __init__(self, timers: _Timers, when: float, callback: Callable[[], object]) -> None:
        self._timers, self.when = timers, when
        self._callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        if self._callback is not None:
            self._callback = None  # which may hold the timer
            self._timers.note_cancelled()

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    @property
    def is_over(self) -> bool:
        return self._callback is None


class _Timers:
    """Of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self._cancelled = 0
        self._handle: asyncio.TimerHandle | None = None
        self._context = contextvars.Context()  # nobody's in particular

    def add(self, when: float, callback: Callable[[], object]) -> Timer:
        timer = Timer(self, when, callback)
        heapq.heappush(self._heap, (when, next(self._count), timer))
        if self._handle is None or when < self._handle.when():
            self._arm(when)
        return timer

    def note_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > _MOST_CANCELLED and 2 * self._cancelled > len(self._heap):
            self._heap = [entry for entry in self._heap if not entry[2].is_over]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _arm(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        loop = self._loop()
        assert loop is not None
        self._handle = loop.call_at(when, self._fire, context=self._context)

    def _fire(self) -> None:
        self._handle = None
        loop = self._loop()
        assert loop is not None
        now = loop.time()
        try:
            while self._heap and (self._heap[0][0] <= now or self._heap[0][2].is_over):
                timer = heapq.heappop(self._heap)[2]
                if timer.is_over:
                    self._cancelled -= 1
                timer.fire()
        finally:  # the loop tells of what a callback raised; the others have their time all the same
            if self._heap and self._handle is None:
                self._arm(self._heap[0][0])


_OF_LOOPS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Timers] = weakref.WeakKeyDictionary()


def call_at(loop: asyncio.AbstractEventLoop, when: float, callback: Callable[[], object]) -> Timer:
    """Call it at that time of the loop's clock, in seconds, unless the timer is cancelled before. In a context of its
    own: `contextvars` of whoever asks for it are not there."""
    timers = _OF_LOOPS.get(loop)
    if timers is None:
        for other in [other for other in _OF_LOOPS if other.is_closed()]:  # nothing of theirs will be called
            del _OF_LOOPS[other]
        timers = _OF_LOOPS[loop] = _Timers(loop)
    return timers.add(when, callback)


def call_later(loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object]) -> Timer:
    """As `call_at`, so many seconds from now."""
    return call_at(loop, loop.time() + seconds, callback)
