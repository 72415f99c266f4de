"""What one server knows while it runs: its runs, what it may hold, and whether it is about to go."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

from turnstream import errors, events, requests, usage
from turnstream.runs import keeper, places, supervisor
from turnstream.server import budget, sockets, triggers
from turnstream.service import ServerSettings

if TYPE_CHECKING:
    from turnstream.telemetry.metrics import Metrics

RETRY_AFTER = 5  # seconds after which another server, or this one restarted, should answer


class State:
    def __init__(self, settings: ServerSettings, *, serves_metrics: bool = True) -> None:
        self.draining = False
        self.metrics_port = settings.metrics_port if serves_metrics else None
        self.metrics = _metrics(settings)
        self.counting = asyncio.Event()
        """Somebody has asked for metrics that nobody had wanted before."""
        watches = () if self.metrics is None else (self.metrics.watch,)
        self.runs = supervisor.Supervisor(watches)
        self.places = places.Places(settings.max_runs, settings.limits.queue, settings.limits.queue_timeout)
        self.keeper: keeper.Keeper | None = None
        self.keeps_runs = False  # in a store: else the keeper has only those that wait
        self.triggers: triggers.Triggers | None = None
        self.bodies = budget.Budget(settings.max_bodies)
        self.sockets = sockets.Sockets(
            settings.max_connections, settings.max_held, settings.send_timeout, self.count_refusal
        )

    async def count(self) -> Metrics:
        """From now on, unless it was done from the start. Raises `ImportError`."""
        if self.metrics is None:
            metrics = (await asyncio.to_thread(importlib.import_module, "turnstream.telemetry.metrics")).Metrics()
            if self.metrics is None:  # nobody else has asked meanwhile
                self.metrics = metrics
                self.runs.watches += (metrics.watch,)
                if self.keeper is not None:
                    self.keeper.watches += (metrics.watch,)
                self.counting.set()
        return self.metrics

    def count_refusal(self, status: int, code: str) -> None:
        if self.metrics is not None:
            self.metrics.count_refusal(status, code)

    def empty_queue(self) -> None:
        """Whoever waits for a place will not get one here."""
        self.places.refuse_all(errors.ServerBusyError("The server is shutting down.", code="server_shutdown"))

    async def end_runs_of(self, names: frozenset[str]) -> None:
        """Of principals that may use the server no more; a front end's users are gone with it."""

        def is_gone(principal: requests.Principal) -> bool:
            return principal.name in names or (principal.user is not None and principal.name.split("/")[0] in names)

        text = "The key of this request was revoked, or has expired."
        failure = events.RunFailed("key_revoked", text, 401, usage.Usage(), None, False)
        for handle in [each for each in self.runs.live.values() if is_gone(each.request.principal)]:
            handle.end(failure)
        if self.keeper is not None:
            await self.keeper.cancel_of(is_gone)

    def end_all(self) -> None:
        """The grace is over."""
        text = "The server is shutting down."
        self.runs.end_all(events.RunFailed("server_shutdown", text, 503, usage.Usage(), RETRY_AFTER))


def _metrics(settings: ServerSettings) -> Metrics | None:
    if not settings.metrics and settings.metrics_port is None:
        return None
    try:
        from turnstream.telemetry import metrics
    except ImportError:
        message = "server.metrics needs the extra 'metrics': pip install 'turnstream[metrics]'"
        raise errors.ConfigurationError(message) from None
    return metrics.Metrics()
