"""No thread is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from turnstream import messages, protocols


class NoThreads:
    """`protocols.Threads` that forgets at once: whatever is named is not found."""

    async def get(self, key: protocols.ThreadKey) -> protocols.Thread | None:
        return None

    async def read(
        self, key: protocols.ThreadKey, *, after: int = 0, limit: int | None = None
    ) -> list[messages.Message]:
        return []

    async def append(
        self,
        key: protocols.ThreadKey,
        new: Sequence[messages.Message],
        *,
        at: int | None = None,
        run: protocols.RunState | None = None,
    ) -> int:
        return len(new)

    async def run(self, principal: str, agent: str, run_id: str) -> protocols.RunState | None:
        return None

    async def recent(
        self, principal: str, agent: str | None = None, *, before: str | None = None, limit: int = 20
    ) -> list[protocols.Thread]:
        return []

    async def runs(
        self, principal: str, query: protocols.RunQuery, *, behind: protocols.Place | None = None, limit: int = 20
    ) -> tuple[list[protocols.RunState], int]:
        return [], 0

    async def rename(self, key: protocols.ThreadKey, title: str | None) -> bool:
        return False

    async def annotate(self, key: protocols.ThreadKey, metadata: Mapping[str, str]) -> bool:
        return False

    async def replace(self, key: protocols.ThreadKey, n: int, message: messages.Message) -> bool:
        return False

    async def fork(self, key: protocols.ThreadKey, length: int, id: str) -> protocols.Thread | None:
        return None

    async def rewind(self, key: protocols.ThreadKey, length: int) -> bool:
        return False

    async def delete(self, key: protocols.ThreadKey) -> bool:
        return False

    async def erase(self, principal: str) -> int:
        return 0
