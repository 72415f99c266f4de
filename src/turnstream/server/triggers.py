"""What a server does besides answering requests, as its configuration says: it starts runs by the clock, and tells
others of runs."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from turnstream import errors
from turnstream.outside import schedules, webhooks
from turnstream.runs import keeper, stores, supervisor
from turnstream.service import Service

if TYPE_CHECKING:
    from typing import Self


def check(service: Service, store: stores.Store) -> None:
    """Raises `ConfigurationError` for what needs a store that keeps runs, where there is none."""
    for name, sections in (("Schedules", service.schedules), ("Webhooks", service.webhooks)):
        if sections and store.runs is None:
            text = f"{name} need a store that keeps runs: set server.store to sqlite:PATH or postgres://…"
            raise errors.ConfigurationError(text)


class Triggers:
    """``async with`` it. ``scheduler`` and ``postman`` are None where nothing is kept."""

    def __init__(self, store: stores.Store, keeper: keeper.Keeper) -> None:
        self.scheduler: schedules.Scheduler | None = None
        self.postman: webhooks.Postman | None = None
        self._keeper = keeper
        if store.firings is not None:
            self.scheduler = schedules.Scheduler(
                {}, agents={}, firings=store.firings, runs=keeper.runs, start=keeper.start, new_id=supervisor.new_id
            )
        if store.outbox is not None:
            self.postman = webhooks.Postman(store.outbox, keeper.runs, {})

    def change(self, service: Service) -> None:
        """From now on this configuration counts."""
        if self.scheduler is not None:
            self.scheduler.change(service.schedules, service.agents)
        if self.postman is not None:
            self.postman.webhooks = {hook.target: hook for hook in service.webhooks}
        hooks = service.webhooks
        self._keeper.targets = lambda agent: tuple(hook.target for hook in hooks if hook.wants(agent))

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for each in (self.postman, self.scheduler):
                if each is not None:
                    await stack.enter_async_context(each)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
