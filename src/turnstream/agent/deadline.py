"""The time limit of a whole run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from turnstream.events import RunTimeout

T = TypeVar("T")


class Deadline:
    """Interrupts what a run waits for when its ``seconds`` have passed; None is no limit.

    One timer serves the whole run. `asyncio.timeout` would set and drop one for each network read, which costs more
    than all else that the loop does for a token.
    """

    __slots__ = ("_expired", "_interrupting", "_seconds", "_timer", "_waiting")

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._expired = False
        self._interrupting = False
        self._waiting: asyncio.Task[object] | None = None
        self._timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._expire)

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """The awaitable's result. Raises `RunTimeout` if the time is over before it has one."""
        task = asyncio.current_task()
        assert task is not None
        cancelling = task.cancelling()
        self._waiting = task
        if self._expired:
            asyncio.get_running_loop().call_soon(self._expire)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if self._interrupting and task.cancelling() == cancelling + 1:  # nobody but this deadline wants to stop
                raise RunTimeout(f"The run did not finish within its {self._seconds:g} seconds.") from None
            raise
        finally:
            self._waiting = None
            if self._interrupting:
                self._interrupting = False
                task.uncancel()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        self._expired = True
        if self._waiting is not None and not self._interrupting:
            self._interrupting = True
            self._waiting.cancel()
