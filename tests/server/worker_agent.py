"""An agent for processes: it tells its own, as soon as the file that the message names is there. For ``FAIL`` it does
not start, for ``METRICS`` it has some."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from turnstream import Agent, ConfigurationError, ServerSettings, Service
from turnstream.events import Finish, ModelEvent, ModelRequest, TextDelta


class Teller:
    name = "teller"

    async def __aenter__(self) -> Teller:
        if "FAIL" in os.environ:
            raise ConfigurationError("this agent cannot start")
        return self

    async def __aexit__(self, *_: object) -> None: ...

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[list[ModelEvent]]]:
        yield self._answer(str(request.messages[-1].content))  # type: ignore[union-attr]

    async def _answer(self, path: str) -> AsyncIterator[list[ModelEvent]]:
        yield [TextDelta(str(os.getpid()))]
        while not Path(path).exists():  # noqa: ASYNC110, ASYNC240  another process makes it
            await asyncio.sleep(0.02)
        yield [TextDelta(" end"), Finish("stop")]


service = Service({"teller": Agent(Teller(), name="teller")}, ServerSettings(metrics="METRICS" in os.environ))
