"""A model that streams tokens within the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from turnstream.events import Finish, ModelEvent, ModelRequest, RunContext, TextDelta, Usage, UsageReport


class Paced:
    """One token in each read, ``pause`` seconds apart; without a pause the loop turns between two."""

    name = "paced"

    def __init__(self, tokens: int, pause: float = 0.0) -> None:
        self.tokens, self.pause = tokens, pause

    @asynccontextmanager
    async def stream(self, request: ModelRequest, context: RunContext) -> AsyncIterator[Any]:
        yield self._batches()

    async def _batches(self) -> AsyncIterator[list[ModelEvent]]:
        for _ in range(self.tokens):
            await asyncio.sleep(self.pause)
            yield [TextDelta(" token")]
        yield [UsageReport(Usage(20, self.tokens)), Finish("stop")]
