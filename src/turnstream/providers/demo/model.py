"""The pace of the demo model: its events, a token at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from turnstream import events, requests
from turnstream.providers.demo.answers import answer


class Model:
    """``delay`` is in seconds between two tokens. With ``reasoning`` it always thinks aloud, else when asked."""

    name = "demo"

    def __init__(self, *, delay: float = 0.02, reasoning: bool = False) -> None:
        self.delay = delay
        self.reasoning = reasoning

    @asynccontextmanager
    async def stream(
        self, request: requests.ModelRequest, context: requests.RunContext | None = None
    ) -> AsyncIterator[Stream]:
        yield Stream(iter(answer(request, reasoning=self.reasoning)), self.delay)

    def __repr__(self) -> str:
        return "demo.Model()"


class Stream:
    """Batches of one event each."""

    def __init__(self, events: Iterator[events.ModelEvent], delay: float) -> None:
        self._events = events
        self._delay = delay

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> list[events.ModelEvent]:
        for event in self._events:
            # with no delay too: a stream that never lets go of the loop would be unlike any other
            await asyncio.sleep(self._delay)
            return [event]
        raise StopAsyncIteration
