"""Whether the process lives, and whether it takes new runs."""

from __future__ import annotations

import asyncio
import math
import time

from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors, protocols
from turnstream.dialects import base
from turnstream.server import replies
from turnstream.server import state as states
from turnstream.server.endpoints import routing

_NOBODY = protocols.ThreadKey("", "", "")
_PATIENCE = 2.0  # seconds for the store to answer
_ASK_EVERY = 1.0  # seconds


def add(api: routing.Api, state: states.State, threads: protocols.Threads) -> None:
    store = _Store(threads)

    async def healthz(request: Request) -> Response:
        return replies.respond(request.scope, base.Reply(200, b'{"status":"ok"}'))

    async def readyz(request: Request) -> Response:
        if state.draining:
            retry = {"retry-after": str(states.RETRY_AFTER)}
            return replies.respond(request.scope, base.Reply(503, b'{"status":"draining"}'), retry)
        # Still ready: runs that keep nothing need no store, and all replicas that share one would leave at once.
        body = b'{"status":"ready"}' if await store.answers() else b'{"status":"ready","store":"unavailable"}'
        return replies.respond(request.scope, base.Reply(200, body))

    for path, endpoint, summary in (
        ("/healthz", healthz, "The process is alive."),
        ("/health", healthz, "As /healthz."),
        ("/readyz", readyz, "New runs are taken."),
    ):
        api.describe(path, endpoint, "GET", summary, "health")
        api.add(path, endpoint, "HEAD")


class _Store:
    """Asked at most once a second, for anybody may ask whether the server is ready."""

    def __init__(self, threads: protocols.Threads) -> None:
        self._threads = threads
        self._asked_at = -math.inf
        self._answer = True

    async def answers(self) -> bool:
        now = time.monotonic()
        if now - self._asked_at >= _ASK_EVERY:
            self._asked_at = now
            self._answer = await self._ask()
        return self._answer

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._threads.get(_NOBODY)
        except (errors.StoreError, TimeoutError):
            return False
        return True
