"""The time limit of one tool call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from turnstream import timers


class PausableTimeout:
    """``over`` is done when ``seconds`` have passed; None is never. While it is `paused`, by any number at once and
    from any thread, no time passes.
    """

    def __init__(self, seconds: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self._loop.create_future()
        self.seconds = self._left = seconds
        self._holders = 0
        self._since = 0.0
        self._timer = timers.Timer(self._loop, self._expire)
        self._go_on()

    @contextmanager
    def pause(self) -> Iterator[None]:
        self._soon(1)
        try:
            yield
        finally:
            self._soon(-1)

    def close(self) -> None:
        self._timer.cancel()
        self.over.cancel()

    def _soon(self, change: int) -> None:
        with suppress(RuntimeError):  # the loop is closed: a thread outlived the call
            self._loop.call_soon_threadsafe(self._hold, change)

    def _hold(self, change: int) -> None:
        self._stop()
        self._holders += change
        if not self._holders and not self.over.done():
            self._go_on()

    def _go_on(self) -> None:
        if self._left is not None:
            self._since = self._loop.time()
            self._timer.set_at(self._since + self._left)

    def _stop(self) -> None:
        if self._left is not None and self._timer.is_set():
            self._left -= self._loop.time() - self._since
            self._timer.stop()

    def _expire(self) -> None:
        if not self.over.done():
            self.over.set_result(None)
