"""What a server does besides answering requests, as its configuration says: it starts runs by the clock, and tells
others of runs."""

from __future__ import annotations

from turnstream import errors
from turnstream.outside import schedules, webhooks
from turnstream.runs import keeper, stores, supervisor
from turnstream.service import Service


def scheduler(service: Service, store: stores.Store, keeper: keeper.Keeper | None) -> schedules.Scheduler | None:
    """None without schedules. Raises `ConfigurationError` where they would be lost."""
    if not service.schedules:
        return None
    if keeper is None or store.firings is None:
        text = "Schedules need a store that keeps runs: set server.store to sqlite:PATH or postgres://…"
        raise errors.ConfigurationError(text)
    return schedules.Scheduler(
        service.schedules,
        agents=service.agents,
        firings=store.firings,
        runs=keeper.runs,
        start=keeper.start,
        new_id=supervisor.new_id,
    )


def postman(service: Service, store: stores.Store, keeper: keeper.Keeper | None) -> webhooks.Postman | None:
    """None where nothing is kept. Raises `ConfigurationError` where somebody would wait for it in vain."""
    if keeper is None or store.outbox is None:
        if service.webhooks:
            text = "Webhooks need a store that keeps runs: set server.store to sqlite:PATH or postgres://…"
            raise errors.ConfigurationError(text)
        return None
    keeper.targets = lambda agent: tuple(hook.target for hook in service.webhooks if hook.wants(agent))
    return webhooks.Postman(store.outbox, keeper.runs, {hook.target: hook for hook in service.webhooks})
