"""What was used, added up at once here and soon in the store, where it meets what other processes add."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence

from turnstream import errors, protocols

log = logging.getLogger(__name__)

PAUSE = 0.05  # seconds between two writes
RETRY_PAUSE = 1.0  # seconds until a store that did not answer is asked again
MOST_KNOWN = 50_000


class Ledger:
    """A run never waits for it: `charge` counts from the next line on, and the store hears of it in a task.

    So processes that share a store know of each other's use a moment late, and one that is killed forgets what it used
    in its last moment.
    """

    def __init__(self, counters: protocols.Counters) -> None:
        self._counters = counters
        self._known: OrderedDict[str, int] = OrderedDict()
        self._pending: dict[float, Counter[str]] = {}
        self._unwritten: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def total(self, name: str) -> int:
        return self._known.get(name, 0) + self._unwritten[name]

    async def load(self, names: Sequence[str]) -> None:
        """Let `total` know what the store has. Raises `StoreError`."""
        self._learn(await self._counters.get(names))

    def charge(self, amounts: Mapping[str, int], lifetime: float) -> None:
        used = {name: amount for name, amount in amounts.items() if amount > 0}
        if not used:
            return
        self._unwritten.update(used)
        self._pending.setdefault(lifetime, Counter()).update(used)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Write what is left, if the store answers."""
        self._closing = True
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        while self._pending:
            lifetime, amounts = self._pending.popitem()
            try:
                totals = await self._counters.add(amounts, lifetime)
            except errors.StoreError as error:
                self._pending.setdefault(lifetime, Counter()).update(amounts)
                log.warning("what runs used could not be stored: %s", error.message)
                if self._closing:
                    return
                await asyncio.sleep(RETRY_PAUSE)
                continue
            self._unwritten.subtract(amounts)
            self._unwritten = +self._unwritten
            self._learn(totals)
            if self._pending and not self._closing:
                await asyncio.sleep(PAUSE)

    def _learn(self, totals: Mapping[str, int]) -> None:
        for name, total in totals.items():
            self._known[name] = total
            self._known.move_to_end(name)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
