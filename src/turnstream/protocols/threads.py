"""Who keeps conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from turnstream import messages
from turnstream.protocols import kept


class MovedError(Exception):
    """The thread has another length than its writer thought: somebody else wrote."""


class Threads(Protocol):
    """Conversations, and the runs that are stored with them. Each method finds only what is kept under its key."""

    async def get(self, key: kept.ThreadKey) -> kept.Thread | None: ...

    async def read(self, key: kept.ThreadKey, *, after: int = 0, limit: int | None = None) -> list[messages.Message]:
        """Those behind the first ``after``, at most ``limit``."""
        ...

    async def append(
        self,
        key: kept.ThreadKey,
        new: Sequence[messages.Message],
        *,
        at: int | None = None,
        run: kept.RunState | None = None,
    ) -> int:
        """Add to the thread, which begins with its first message, and store the run that said them with it, in one
        transaction; the thread's new length. ``at`` is the length that the writer knows: `MovedError` if it has
        another. None adds at the end, whatever it is. The run's ``length`` is filled in."""
        ...

    async def run(self, principal: str, agent: str, run_id: str) -> kept.RunState | None:
        """The stored run with that id, for requests that go on from it."""
        ...

    async def recent(
        self, principal: str, agent: str | None = None, *, before: str | None = None, limit: int = 20
    ) -> list[kept.Thread]:
        """The last changed first; ``before`` is the id of the last one of the page before."""
        ...

    async def runs(
        self, principal: str, query: kept.RunQuery, *, behind: kept.Place | None = None, limit: int = 20
    ) -> tuple[list[kept.RunState], int]:
        """The last changed first, of those behind that place of the list; and how many there are in all."""
        ...

    async def rename(self, key: kept.ThreadKey, title: str | None) -> bool: ...

    async def annotate(self, key: kept.ThreadKey, metadata: Mapping[str, str]) -> bool:
        """Replace what is noted about it."""
        ...

    async def replace(self, key: kept.ThreadKey, n: int, message: messages.Message) -> bool:
        """Put another message in the place of the one numbered ``n``, from 0."""
        ...

    async def fork(self, key: kept.ThreadKey, length: int, id: str) -> kept.Thread | None:
        """A new thread ``id`` with this one's title, that begins with its first messages. None if it has fewer."""
        ...

    async def rewind(self, key: kept.ThreadKey, length: int) -> bool:
        """Forget all but the first ``length`` messages."""
        ...

    async def delete(self, key: kept.ThreadKey) -> bool:
        """The thread, its messages, its runs and their logs."""
        ...

    async def erase(self, principal: str) -> int:
        """All that is kept of a principal: threads, runs, logs. How many threads and runs that were."""
        ...
