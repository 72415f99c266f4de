"""How late the event loop is: whatever holds it delays every stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

INTERVAL = 0.5
"""Seconds between two looks."""


@asynccontextmanager
async def measure(tell: Callable[[float], object]) -> AsyncIterator[None]:
    """Inside, ``tell`` hears twice a second by how many seconds a timer of the loop came late."""
    task = asyncio.create_task(_measure(tell))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _measure(tell: Callable[[float], object]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + INTERVAL
        await asyncio.sleep(INTERVAL)
        tell(max(0.0, loop.time() - due))
