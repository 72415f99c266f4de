"""Which pages may read the answers: those of the configured origins, and without keys those of this machine."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream.dialects import rate_limits
from turnstream.server import addresses, scopes
from turnstream.service import ServerSettings


class Cors:
    """A request without ``Origin`` comes from no page, so it passes at no cost per write. The others have a
    `scopes.Outgoing` of their own, behind this layer."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._pages = CORSMiddleware(
            self._pass_on,
            allow_origins=settings.cors_origins,
            # Whom `Origin` lets in should be able to read the answer: a front end that is developed on this machine.
            allow_origin_regex=None if settings.asks_who else addresses.LOOPBACK_ORIGIN,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "x-run-id", "retry-after", *rate_limits.NAMES],
            max_age=600,
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if "origin" in scopes.headers(scope):
            return self._pages(scope, receive, send)
        return self._app(scope, receive, send)

    def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._app(scope, receive, scopes.set_outgoing(scope, send))
