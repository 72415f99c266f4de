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

    def take_new(self, group: str, run_id: str) -> bool:
        """Add a run that is taken; False where others of its group are before it."""
        if group in self._groups:
            return False
        self._groups[group] = deque([run_id])
        return True

    def take(self) -> tuple[str, str] | None:
        return self._ready.popleft() if self._ready else None

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
