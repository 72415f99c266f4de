"""The API keys that open the server."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import errors
from turnstream.server import refusals, routes


class Auth:
    def __init__(self, app: ASGIApp, keys: Sequence[str], table: routes.Routes, refuse: refusals.Refusals) -> None:
        self._app, self._table, self._refuse = app, table, refuse
        self._keys = [key.encode() for key in keys if key]

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or self._table.is_public(scope) or self._has_key(scope):
            return self._app(scope, receive, send)
        message = "The API key is missing or wrong: send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
        error = errors.TurnstreamError(message, code="invalid_api_key", status=401)
        return self._refuse(scope, error, {"www-authenticate": "Bearer"})(scope, receive, send)

    def _has_key(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = [headers.get("x-api-key", "")]
        if scheme.lower() == "bearer":
            given.append(token.strip())
        found = False
        for candidate in given:
            for key in self._keys:  # all of them, so that the time tells nothing
                found |= hmac.compare_digest(candidate.encode("latin-1"), key)
        return found
