"""Who reads a run while it goes on, and what they know of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from msgspec import Struct

from turnstream import events, requests

Give: TypeAlias = Callable[[list[events.RunEvent]], bool]
"""Takes a batch of a run at once, or says that it does not: then it comes as a batch. Never raises."""


class RunInfo(Struct, frozen=True):
    """What is known of a run before its first event.

    ``dialect`` is how its client speaks, "" for a run without one. ``trace`` are the headers of W3C Trace Context that
    the request came with. ``kept`` says that the run has a log, ``attempt`` counts its owners.
    """

    id: str
    agent: str
    principal: str = requests.ANONYMOUS.name
    dialect: str = ""
    thread_id: str | None = None
    request_id: str = ""
    trace: dict[str, str] = {}
    kept: bool = False
    attempt: int = 1


class Watcher(Protocol):
    """Sees the events of one run, in the task that the run goes on in. What it raises is logged, and ends nothing."""

    @property
    def trace_id(self) -> str:
        """For log lines; "" if it has none."""
        ...

    def feed(self, batch: list[events.RunEvent]) -> None: ...

    def close(self, ending: events.TerminalEvent) -> None:
        """The run is over. It may have been ended from outside, after events that told nothing of it."""
        ...


Watch: TypeAlias = Callable[[RunInfo], Watcher]
