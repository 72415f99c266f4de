"""A bounded pool of threads for functions that block."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class Threads:
    """Runs blocking functions, at most ``limit`` at a time, each in the context of its caller.

    Not asyncio's default executor, nor one of ``concurrent.futures``: those are shared with everything else in the
    process, and wait at exit for a function that hangs. A caller who is cancelled stops waiting at once: a call that
    has not begun never will, and one that has runs to its end in its thread, whose result nobody hears. Calls above
    the limit wait for a thread, in order, and never block the event loop.

    Threads start when they are needed. While the pool is entered (any number of times) they stay for the next call,
    otherwise they end with their work.
    """

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        self._users = 0
        self._running = 0
        self._idle = 0
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    async def run(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call the function in a thread. ``SystemExit`` and its like become a `RuntimeError`."""
        context = contextvars.copy_context()
        job = _Job(lambda: context.run(function, *args, **kwargs))
        try:
            self._submit(job)
            value, error = await job.outcome
        finally:
            with self._changed:
                if job in self._jobs:
                    self._jobs.remove(job)
        if error is not None:
            raise error
        return value

    def _submit(self, job: _Job) -> None:
        with self._changed:
            self._jobs.append(job)
            if self._idle >= len(self._jobs):
                self._changed.notify()
            elif self._running < self.limit:
                threading.Thread(target=self._work, name=self.name, daemon=True).start()
                self._running += 1

    def _work(self) -> None:
        while self._execute_next():
            pass

    def _execute_next(self) -> bool:
        """False when this thread has nothing more to do. Keeps nothing of the call alive after it."""
        with self._changed:
            while not self._jobs:
                if not self._users:
                    self._running -= 1
                    return False
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            job = self._jobs.popleft()
        job.execute()
        return True


class _Job:
    """One call, and the future that its caller awaits: the value and None, or None and the error."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[tuple[Any, Exception | None]] = self.loop.create_future()

    def execute(self) -> None:
        value, error = None, None
        try:
            value = self.call()
        except Exception as raised:  # belongs to whoever awaits the outcome
            error = raised
        except BaseException as raised:  # would end the event loop there: a tool must not
            error = RuntimeError(f"{type(raised).__name__}: {raised}")
            error.__cause__ = raised
        try:
            self.loop.call_soon_threadsafe(self._settle, value, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            pass

    def _settle(self, value: Any, error: Exception | None) -> None:
        if not self.outcome.done():
            self.outcome.set_result((value, error))
