"""The time limit of a whole run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Generic, TypeVar

from turnstream import errors, timers

T = TypeVar("T")


class Deadline:
    """Interrupts what a run waits for when its ``seconds`` have passed; None: no limit.

    ``with deadline: await …`` raises `RunTimeout` then. One timer serves the whole run: `asyncio.timeout` would set
    and drop one for each network read, which costs more than all else that the loop does for a token.
    """

    __slots__ = ("_cancelling", "_ends", "_expired", "_interrupting", "_seconds", "_timer", "_waiting", "loop")

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._expired = False
        self._interrupting = False
        self._cancelling = 0
        self._waiting: asyncio.Task[object] | None = None
        self.loop = asyncio.get_running_loop()  # to ask for it each time costs a system call in Python 3.11
        self._ends = 0.0
        self._timer: timers.Timer | None = None
        if seconds is not None:
            self._ends = self.loop.time() + seconds
            self._timer = timers.call_at(self.loop, self._ends, self._expire)

    def __enter__(self) -> None:
        task = self._waiting = asyncio.current_task(self.loop)
        self._cancelling = task.cancelling()  # type: ignore[union-attr]  # whoever waits is in a task
        if self._expired:
            self.loop.call_soon(self._expire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._waiting = self._waiting, None
        if self._interrupting and task is not None:
            self._interrupting = False
            others = task.uncancel() > self._cancelling  # somebody but this deadline wants the task to stop
            if kind is asyncio.CancelledError and not others:
                raise errors.RunTimeout(f"The run did not finish within its {self._seconds:g} seconds.") from None

    def left(self) -> float | None:
        """Seconds."""
        return None if self._timer is None else max(0.0, self._ends - self.loop.time())

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        self._expired = True
        if self._waiting is not None and not self._interrupting:
            self._interrupting = True
            self._waiting.cancel()


class Entering(Generic[T]):
    """``async with`` it: what the ``manager`` owns, opened within the ``deadline``. To close it takes the time that it
    takes."""

    __slots__ = ("_deadline", "_manager")

    def __init__(self, deadline: Deadline, manager: AbstractAsyncContextManager[T]) -> None:
        self._deadline, self._manager = deadline, manager

    async def __aenter__(self) -> T:
        with self._deadline:
            return await self._manager.__aenter__()

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[bool | None]:
        return self._manager.__aexit__(kind, error, trace)


def min_of(one: float | None, other: float | None) -> float | None:
    """The first of the limits that is reached; None if there is none."""
    return other if one is None or (other is not None and other < one) else one


class TimeLeft:
    """What a run tells of its deadline, from before it has begun."""

    __slots__ = ("deadline",)

    def __init__(self) -> None:
        self.deadline: Deadline | None = None

    def __call__(self) -> float | None:
        """In seconds; None without a limit."""
        return None if self.deadline is None else self.deadline.left()
