"""Threads in the memory of this process: the last used of them, bounded by bytes, gone when it ends."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from turnstream import jsontext, messages, protocols
from turnstream.threads import listing

DEFAULT_LIMIT = 64 * 1024 * 1024
OVERHEAD = 256
"""Bytes that each message and each run costs beside its own."""

_decode = msgspec.json.Decoder(messages.Message).decode


class _Kept:
    """One thread. Messages are kept encoded: that is what its ``size`` in bytes counts, and nobody can change them."""

    def __init__(self, key: protocols.ThreadKey, now: float) -> None:
        self.key = key
        self.title: str | None = None
        self.metadata: dict[str, str] = {}
        self.created_at = self.updated_at = now
        self.messages: list[bytes] = []
        self.runs: dict[str, protocols.RunState] = {}
        self.size = _size(key.principal, key.agent, key.id)

    def show(self) -> protocols.Thread:
        times = self.created_at, self.updated_at
        return protocols.Thread(self.key, self.title, len(self.messages), *times, dict(self.metadata))


class MemoryThreads:
    """`protocols.Threads` within ``limit`` bytes in all: whatever was used longest ago goes first, with its runs."""

    def __init__(self, limit: int = DEFAULT_LIMIT, clock: Callable[[], float] = time.time) -> None:
        self.size = 0
        self._limit, self._clock = limit, clock
        self._threads: OrderedDict[protocols.ThreadKey, _Kept] = OrderedDict()  # the last used last
        self._runs: dict[tuple[str, str, str], _Kept] = {}

    async def get(self, key: protocols.ThreadKey) -> protocols.Thread | None:
        kept = self._threads.get(key)
        return None if kept is None else kept.show()

    async def read(
        self, key: protocols.ThreadKey, *, after: int = 0, limit: int | None = None
    ) -> list[messages.Message]:
        kept = self._threads.get(key)
        if kept is None:
            return []
        self._threads.move_to_end(key)
        end = None if limit is None else after + limit
        return [_decode(encoded) for encoded in kept.messages[after:end]]

    async def append(
        self,
        key: protocols.ThreadKey,
        new: Sequence[messages.Message],
        *,
        at: int | None = None,
        run: protocols.RunState | None = None,
    ) -> int:
        kept = self._threads.get(key)
        if at is not None and at != (0 if kept is None else len(kept.messages)):
            raise protocols.MovedError
        if kept is None:
            kept = self._begin(key)
        self._add(kept, [jsontext.encode(message) for message in new])
        if run is not None:
            self._store(kept, run)
        self._trim()
        return len(kept.messages)

    async def run(self, principal: str, agent: str, run_id: str) -> protocols.RunState | None:
        kept = self._runs.get((principal, agent, run_id))
        if kept is None:
            return None
        self._threads.move_to_end(kept.key)
        return kept.runs[run_id]

    async def recent(
        self, principal: str, agent: str | None = None, *, before: str | None = None, limit: int = 20
    ) -> list[protocols.Thread]:
        own = [kept.show() for kept in self._threads.values() if kept.key.principal == principal]
        if agent is not None:
            own = [thread for thread in own if thread.key.agent == agent]
        own.sort(key=lambda thread: thread.updated_at, reverse=True)
        if before is not None:
            own = own[next((at + 1 for at, thread in enumerate(own) if thread.key.id == before), len(own)) :]
        return own[:limit]

    async def runs(
        self, principal: str, query: protocols.RunQuery, *, behind: protocols.Place | None = None, limit: int = 20
    ) -> tuple[list[protocols.RunState], int]:
        own = [kept.runs[run_id] for (owner, _, run_id), kept in self._runs.items() if owner == principal]
        return listing.page(own, query, behind, limit)

    async def rename(self, key: protocols.ThreadKey, title: str | None) -> bool:
        kept = self._threads.get(key)
        if kept is None:
            return False
        self._grow(kept, _size(title or "") - _size(kept.title or ""))
        kept.title = title
        self._trim()
        return True

    async def annotate(self, key: protocols.ThreadKey, metadata: Mapping[str, str]) -> bool:
        kept = self._threads.get(key)
        if kept is None:
            return False
        self._grow(kept, _size(*metadata, *metadata.values()) - _size(*kept.metadata, *kept.metadata.values()))
        kept.metadata = dict(metadata)
        self._trim()
        return True

    async def replace(self, key: protocols.ThreadKey, n: int, message: messages.Message) -> bool:
        kept = self._threads.get(key)
        if kept is None or not 0 <= n < len(kept.messages):
            return False
        encoded = jsontext.encode(message)
        self._grow(kept, len(encoded) - len(kept.messages[n]))
        kept.messages[n] = encoded
        self._trim()
        return True

    async def fork(self, key: protocols.ThreadKey, length: int, id: str) -> protocols.Thread | None:
        kept = self._threads.get(key)
        new = msgspec.structs.replace(key, id=id)
        if kept is None or len(kept.messages) < length or new in self._threads:
            return None
        fork = self._begin(new)
        self._add(fork, kept.messages[:length])
        await self.rename(new, kept.title)
        return fork.show()

    async def rewind(self, key: protocols.ThreadKey, length: int) -> bool:
        kept = self._threads.get(key)
        if kept is None or len(kept.messages) < length:
            return False
        self._grow(kept, -sum(len(encoded) + OVERHEAD for encoded in kept.messages[length:]))
        del kept.messages[length:]
        kept.updated_at = self._clock()
        return True

    async def delete(self, key: protocols.ThreadKey) -> bool:
        kept = self._threads.get(key)
        if kept is not None:
            self._forget(kept)
        return kept is not None

    async def erase(self, principal: str) -> int:
        own = [kept for kept in self._threads.values() if kept.key.principal == principal]
        for kept in own:
            self._forget(kept)
        return sum(1 + len(kept.runs) for kept in own)

    # ---------------------------------------------------------------------------------------------------- the ledger

    def _begin(self, key: protocols.ThreadKey) -> _Kept:
        kept = self._threads[key] = _Kept(key, self._clock())
        self.size += kept.size
        return kept

    def _add(self, kept: _Kept, encoded: Sequence[bytes]) -> None:
        kept.messages += encoded
        kept.updated_at = self._clock()
        self._threads.move_to_end(kept.key)
        self._grow(kept, sum(len(one) + OVERHEAD for one in encoded))

    def _store(self, kept: _Kept, run: protocols.RunState) -> None:
        stored = msgspec.structs.replace(run, thread=kept.key.id, length=len(kept.messages))
        kept.runs[run.id] = stored
        self._runs[run.principal, run.agent, run.id] = kept
        self._grow(kept, len(stored.shown) + len(stored.body) + OVERHEAD)

    def _grow(self, kept: _Kept, size: int) -> None:
        kept.size += size
        self.size += size

    def _trim(self) -> None:
        while self.size > self._limit:
            self._forget(next(iter(self._threads.values())))

    def _forget(self, kept: _Kept) -> None:
        del self._threads[kept.key]
        for run in kept.runs.values():
            self._runs.pop((run.principal, run.agent, run.id), None)
        self.size -= kept.size


def _size(*texts: str) -> int:
    return OVERHEAD + sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
