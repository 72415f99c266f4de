"""The time limit of one tool call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from turnstream import timers


class PausableTimeout:
    """Calls ``over`` when ``seconds`` have passed, unless it is closed before; None is never. While it is `paused`, by
    any number at once and from any thread, no time passes.
    """

    __slots__ = ("_holders", "_left", "_loop", "_since", "_timer", "seconds")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float | None, over: Callable[[], object]) -> None:
        self._loop = loop
        self.seconds = seconds
        self._left = self._since = 0.0
        self._holders = 0
        self._timer: timers.Timer | None = None
        if seconds is not None:
            self._left = seconds
            self._timer = timers.Timer(loop, over)
            self._go_on(self._timer)

    @contextmanager
    def pause(self) -> Iterator[None]:
        self._soon(1)
        try:
            yield
        finally:
            self._soon(-1)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _soon(self, change: int) -> None:
        with suppress(RuntimeError):  # the loop is closed: a thread outlived the call
            self._loop.call_soon_threadsafe(self._hold, change)

    def _hold(self, change: int) -> None:
        self._holders += change
        if self._timer is None:
            return
        if self._timer.is_set():
            self._left -= self._loop.time() - self._since
            self._timer.stop()
        if not self._holders:
            self._go_on(self._timer)

    def _go_on(self, timer: timers.Timer) -> None:
        self._since = self._loop.time()
        timer.set_at(self._since + self._left)
