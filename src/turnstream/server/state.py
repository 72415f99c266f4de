"""What one server knows while it runs: its runs, and whether it is about to go."""

from __future__ import annotations

from turnstream import events, usage
from turnstream.runs import supervisor

RETRY_AFTER = 5  # seconds after which another server, or this one restarted, should answer


class State:
    def __init__(self) -> None:
        self.draining = False
        self.runs = supervisor.Supervisor()

    def end_all(self) -> None:
        """The grace is over."""
        text = "The server is shutting down."
        self.runs.end_all(events.RunFailed("server_shutdown", text, 503, usage.Usage(), RETRY_AFTER))
