"""Handing batches on without waking the task that reads them; see `turnstream.protocols.RelayStream`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from turnstream import events, protocols

Relay: TypeAlias = Callable[[protocols.Take], Awaitable[list[events.ModelEvent]]]
Step: TypeAlias = Callable[[list[events.ModelEvent]], list[events.ModelEvent]]


async def through(relay: Relay, step: Step, take: protocols.Take) -> list[events.ModelEvent]:
    """The next batch that ``take`` does not take of those that come through ``step``, which may give nothing. Each
    batch goes through it once. [] if ``relay`` ends so."""
    refused: list[events.ModelEvent] = []

    def offer(batch: list[events.ModelEvent]) -> bool:
        nonlocal refused
        given = step(batch)
        if not given or take(given):
            return True
        refused = given
        return False

    await relay(offer)
    return refused
