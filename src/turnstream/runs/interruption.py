"""An end from outside for what a task waits for."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Interruption:
    """Of the task that makes it: `interrupt` cancels what it waits for, once, until `close`. As a context manager it is
    left by that, and nothing is raised. What an `asyncio.timeout` does whose deadline is moved to now, without a
    deadline."""

    __slots__ = ("_before", "_happened", "_loop", "_soon", "_task")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._task, self._before = task, task.cancelling()
        self._soon: asyncio.Handle | None = None
        self._happened = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.close()
        return self.settle() and kind is asyncio.CancelledError

    def interrupt(self) -> None:
        if self._soon is None and not self._happened:
            self._soon = self._loop.call_soon(self._interrupt)

    def close(self) -> None:
        """The task goes on to what must not be interrupted."""
        if self._soon is not None:
            self._soon.cancel()

    def settle(self) -> bool:
        """Whether it happened, and nobody else wants the task to stop: then its `CancelledError` is only this."""
        return self._happened and self._task.uncancel() <= self._before

    def _interrupt(self) -> None:
        self._soon, self._happened = None, True
        self._task.cancel()
