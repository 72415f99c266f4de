"""Who asks: the principal behind the API key that a request shows."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import errors, identity
from turnstream.server import refusals, routes, scopes


class Auth:
    """Puts the principal into the scope. What is public needs none."""

    def __init__(self, app: ASGIApp, keys: identity.Keys, table: routes.Routes, refuse: refusals.Refusals) -> None:
        self._app, self._keys, self._table, self._refuse = app, keys, table, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        principal = self._keys.principal(_find_keys(Headers(scope=scope)))
        if principal is not None:
            scopes.set_principal(scope, principal)
            return self._app(scope, receive, send)
        if self._table.is_public(scope):
            return self._app(scope, receive, send)
        message = "The API key is missing or wrong: send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
        error = errors.TurnstreamError(message, code="invalid_api_key", status=401)
        return self._refuse(scope, error, {"www-authenticate": "Bearer"})(scope, receive, send)


def _find_keys(headers: Headers) -> Iterator[bytes]:
    for name in ("x-api-key", "api-key"):  # the second as Azure's clients have it
        yield headers.get(name, "").encode("latin-1")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield token.strip().encode("latin-1")
