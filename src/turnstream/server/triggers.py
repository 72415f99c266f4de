"""What a server does besides answering requests, as its configuration says: it starts runs by the clock, and tells
others of runs."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING

from turnstream import errors, protocols, resources
from turnstream.dialects import a2a_push
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

    def __init__(
        self,
        store: stores.Store,
        keeper: keeper.Keeper,
        show: Callable[[protocols.RunState], Awaitable[protocols.RunState]],
    ) -> None:
        """``show`` adds to a run its answer as it stands."""
        self.scheduler: schedules.Scheduler | None = None
        self.postman: webhooks.Postman | None = None
        self._keeper, self._pushes, self._show = keeper, store.pushes, show
        self._allow_private: tuple[str, ...] = ()
        if store.firings is not None:
            self.scheduler = schedules.Scheduler(
                {}, agents={}, firings=store.firings, runs=keeper.runs, start=keeper.start, new_id=supervisor.new_id
            )
        if store.outbox is not None:
            self.postman = webhooks.Postman(store.outbox, keeper.runs, {}, {"push": self._render_push})

    def change(self, service: Service) -> None:
        """From now on this configuration counts."""
        if self.scheduler is not None:
            self.scheduler.change(service.schedules, service.agents)
        self._allow_private = service.settings.push_allow_private
        if self.postman is not None:
            self.postman.webhooks = {hook.target: hook for hook in service.webhooks}
        hooks = service.webhooks
        self._keeper.targets = lambda agent: tuple(hook.target for hook in hooks if hook.wants(agent))

    async def __aenter__(self) -> Self:
        self._stack = await resources.open_all((self.postman, self.scheduler))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _render_push(self, letter: protocols.Letter) -> webhooks.Message | None:
        """What a client of A2A wants to hear of its task; None where it does not want it any more."""
        id = letter.target.partition(":")[2]
        found = await self._pushes.list(letter.run) if self._pushes is not None else []
        push = next((each for each in found if each.id == id), None)
        state = await self._keeper.runs.get(letter.principal, letter.run)
        if push is None or state is None:
            return None
        note = a2a_push.note(push, await self._show(state))
        headers = {**note.headers, **webhooks.headers(letter, int(time.time()))}
        return webhooks.Message(note.url, note.body, headers, allow_private=self._allow_private)
