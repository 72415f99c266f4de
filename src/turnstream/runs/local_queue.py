"""The queue of a store that one process has to itself."""

from __future__ import annotations

import asyncio
from collections import deque


class LocalQueue:
    """Ids of runs that nobody executes, and of those that are executed: one at a time of each group."""

    def __init__(self) -> None:
        self._groups: dict[str, deque[str]] = {}
        self._ready: deque[tuple[str, str]] = deque()
        self.changed = asyncio.Event()

    def add(self, group: str, run_id: str) -> None:
        waiting = self._groups.setdefault(group, deque())
        waiting.append(run_id)
        if len(waiting) == 1:
            self._offer(group)

    def take(self) -> tuple[str, str] | None:
        return self._ready.popleft() if self._ready else None

    def take_this(self, group: str, run_id: str) -> bool:
        """Whether the run is the next of its group; then it is taken."""
        if (group, run_id) not in self._ready:
            return False
        self._ready.remove((group, run_id))
        return True

    def done(self, group: str) -> None:
        """The taken run of that group is not executed any more, and will not be."""
        waiting = self._groups[group]
        waiting.popleft()
        if waiting:
            self._offer(group)
        else:
            del self._groups[group]

    def give_back(self, group: str) -> None:
        self._offer(group)

    def _offer(self, group: str) -> None:
        self._ready.append((group, self._groups[group][0]))
        self.changed.set()
