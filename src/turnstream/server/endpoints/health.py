"""Whether the process lives, and whether it takes new runs."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors, jsontext, protocols, requests
from turnstream.dialects import base
from turnstream.server import insight, replies, scopes, state as states
from turnstream.server.endpoints import metrics, routing
from turnstream.service import Service

_NOBODY = protocols.ThreadKey("", "", "")
_PATIENCE = 2.0  # seconds for the store to answer
_ASK_EVERY = 1.0  # seconds


def add(api: routing.Api, service: Service, state: states.State, threads: protocols.Threads) -> None:
    store = _Store(threads)

    def is_verbose(request: Request) -> bool:
        """``?verbose`` tells of all agents, so it is for whoever may see the metrics; to others it says nothing."""
        shown_key = scopes.principal(request.scope) is not requests.ANONYMOUS or not service.settings.asks_who
        allowed = shown_key and scopes.principal(request.scope).may("metrics")
        return "verbose" in request.query_params and allowed and not metrics.explain_refusal(request, service.settings)

    async def healthz(request: Request) -> Response:
        return replies.respond(request.scope, base.Reply(200, b'{"status":"ok"}'))

    async def readyz(request: Request) -> Response:
        if state.draining:
            retry = {"retry-after": str(states.RETRY_AFTER)}
            return replies.respond(request.scope, base.Reply(503, b'{"status":"draining"}'), retry)
        # Still ready: runs that keep nothing need no store, and all replicas that share one would leave at once.
        told: dict[str, Any] = {"status": "ready"}
        if not await store.answers():
            told["store"] = "unavailable"
        if is_verbose(request):
            told = {"store": "available", **told, **insight.describe(service, state)}
        return replies.respond(request.scope, base.Reply(200, jsontext.encode(told)))

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
