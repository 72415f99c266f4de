"""What one server knows while it runs: the runs that it streams, and whether it is about to go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from turnstream.events import RunFailed, Usage

RETRY_AFTER = 5  # seconds after which another server, or this one restarted, should answer


def shutting_down() -> RunFailed:
    return RunFailed("server_shutdown", "The server is shutting down.", 503, Usage(), RETRY_AFTER)


class Running(Protocol):
    @property
    def run_id(self) -> str: ...

    def stop(self, failure: RunFailed | None) -> None: ...


class State:
    """``running`` are the answers being given now."""

    def __init__(self) -> None:
        self.draining = False
        self.running: set[Running] = set()

    @contextmanager
    def holds(self, answer: Running) -> Iterator[None]:
        self.running.add(answer)
        try:
            yield
        finally:
            self.running.discard(answer)

    def stop_all(self) -> None:
        for answer in tuple(self.running):
            answer.stop(shutting_down())

    def cancel(self, run_id: str) -> None:
        """Somebody else than the one who started it asks for a run's end; nothing if it is over."""
        for answer in tuple(self.running):
            if answer.run_id == run_id:
                answer.stop(RunFailed("cancelled", "The run was cancelled.", 499, Usage()))
