"""A server that is about to go takes nothing new."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import errors
from turnstream.server import refusals, routes, scopes, state as states


class Drain:
    def __init__(self, app: ASGIApp, state: states.State, refuse: refusals.Refusals) -> None:
        self._app, self._state, self._refuse = app, state, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if not self._state.draining or scopes.path(scope) in routes.HEALTH:
            return self._app(scope, receive, send)
        error = errors.TurnstreamError("The server is shutting down.", code="server_shutdown", status=503)
        headers = {"retry-after": str(states.RETRY_AFTER), "connection": "close"}
        return self._refuse(scope, error, headers)(scope, receive, send)
