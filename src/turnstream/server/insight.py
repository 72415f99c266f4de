"""What a server has in hand at a moment: for the metrics, and for whoever asks whether it is well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from turnstream import errors, protocols
from turnstream.models import fallback
from turnstream.server import state as states
from turnstream.service import Service

WAITING_SECONDS = 15.0
"""Between two looks at the runs that wait."""

if TYPE_CHECKING:
    from turnstream.models.breaker import State
    from turnstream.telemetry.metrics import Metrics


def breakers(service: Service) -> dict[str, State]:
    """Of the models that have one: those of agents with several. One that two agents have is shown at its worst."""
    found: dict[str, State] = {}
    for agent in service.agents.values():
        for model in agent.models:
            if isinstance(model, fallback.Fallback):
                for name, state in model.breakers().items():
                    if found.get(name, "closed") == "closed":
                        found[name] = state
    return found


def describe(service: Service, state: states.State) -> dict[str, Any]:
    """As JSON."""
    return {
        "runs": {"running": len(state.runs.live), "waiting": state.places.waiting, "most": service.settings.max_runs},
        "kept_runs": 0 if state.keeper is None else state.keeper.owned,
        "connections": state.sockets.count,
        "held_bytes": state.sockets.held,
        "models": breakers(service),
    }


async def watch_waiting(runs: protocols.Runs, metrics: Metrics) -> None:
    """For ever: how many runs wait, of the whole store."""
    while True:
        try:
            metrics.asked.set(await runs.count_waiting())
        except errors.StoreError:
            pass  # /readyz tells that
        await asyncio.sleep(WAITING_SECONDS)


def measure(service: Service, state: states.State, metrics: Metrics) -> None:
    metrics.waiting.set(state.places.waiting)
    metrics.owned.set(0 if state.keeper is None else state.keeper.owned)
    metrics.connections.set(state.sockets.count)
    metrics.held.set(state.sockets.held)
    for name, breaker in breakers(service).items():
        metrics.breakers.labels(name).set(breaker != "closed")
