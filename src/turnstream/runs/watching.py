"""Watchers of a run: they see its batches before its followers do, and a run without watchers pays nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence

from turnstream import events, protocols

log = logging.getLogger(__name__)


class Watching:
    """Of one run, by ``watchers``."""

    __slots__ = ("info", "watchers")

    def __init__(self, watches: Sequence[protocols.Watch], info: protocols.RunInfo) -> None:
        self.info = info
        self.watchers = [watch(info) for watch in watches]

    @property
    def trace_id(self) -> str:
        for watcher in self.watchers:
            if watcher.trace_id:
                return watcher.trace_id
        return ""

    def watch(self, batches: AsyncGenerator[list[events.RunEvent]]) -> AsyncGenerator[list[events.RunEvent]]:
        """The same batches, to be closed like them."""
        return self._show(batches) if self.watchers else batches

    def relay(self, give: protocols.Give) -> protocols.Give:
        """``give``, and the watchers see what it takes."""
        if not self.watchers:
            return give

        def take(batch: list[events.RunEvent]) -> bool:
            if not give(batch):
                return False
            self._feed(batch)
            return True

        return take

    async def _show(self, batches: AsyncGenerator[list[events.RunEvent]]) -> AsyncGenerator[list[events.RunEvent]]:
        async for batch in batches:
            for watcher in self.watchers:  # as `_feed` does, without a call for each token
                try:
                    watcher.feed(batch)
                except Exception:
                    self._give_up(watcher)
            yield batch

    def _feed(self, batch: list[events.RunEvent]) -> None:
        for watcher in self.watchers:
            try:
                watcher.feed(batch)
            except Exception:
                self._give_up(watcher)

    def close(self, ending: events.TerminalEvent) -> None:
        for watcher in self.watchers:
            try:
                watcher.close(ending)
            except Exception:
                self._give_up(watcher)

    def _give_up(self, watcher: protocols.Watcher) -> None:
        """A run is worth more than what is seen of it."""
        log.exception("run %s: %s failed, and sees no more of it", self.info.id, type(watcher).__name__)
        self.watchers = [other for other in self.watchers if other is not watcher]
