"""Which web pages may use a server without keys: otherwise any page could make its visitor's browser talk to a server
on that machine."""

from __future__ import annotations

from collections.abc import Awaitable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import errors
from turnstream.server import addresses, refusals, routes, scopes
from turnstream.service import ServerSettings

LONGEST = 300  # characters of an origin: a scheme, a name, a port


class Origin:
    def __init__(self, app: ASGIApp, settings: ServerSettings, table: routes.Routes, refuse: refusals.Refusals) -> None:
        self._app, self._settings, self._table, self._refuse = app, settings, table, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if self._is_allowed(scope) or self._table.is_public(scope):
            return self._app(scope, receive, send)
        message = "Origin not allowed: add it to the server's CORS origins."
        error = errors.TurnstreamError(message, code="origin_not_allowed", status=403)
        return self._refuse(scope, error)(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        origin, allowed = scopes.headers(scope).get("origin"), self._settings.cors_origins
        if origin is None or "*" in allowed or origin in allowed:
            return True
        if len(origin) > LONGEST:
            return False
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if addresses.is_loopback(parts.hostname or ""):
            return True
        return not addresses.is_loopback(self._settings.host) and parts.netloc == scopes.headers(scope).get("host")
