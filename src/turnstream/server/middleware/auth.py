"""Who asks: the principal behind what a request shows."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import errors, identity, requests
from turnstream.identity import credentials
from turnstream.server import refusals, routes, scopes

_WRONG = "The API key is missing or wrong: send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."


class Auth:
    """Puts the principal into the scope. What is public needs none."""

    def __init__(
        self, app: ASGIApp, directory: identity.Directory, table: routes.Routes, refuse: refusals.Refusals
    ) -> None:
        self._app, self._directory, self._table, self._refuse = app, directory, table, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        try:
            scopes.set_principal(scope, self._identify(credentials.read(scope["headers"])))
        except credentials.IdentityError as error:
            if not self._table.is_public(scope):
                return self._turn_away(error, scope)(scope, receive, send)
        return self._app(scope, receive, send)

    def _identify(self, shown: credentials.Credentials) -> requests.Principal:
        """Raises `IdentityError`. A key that is unknown beside one that is known does no harm: some clients always
        send one of their own."""
        found = [known[1] for key in shown.keys if (known := self._directory.find(key)) is not None]
        if not found:
            raise credentials.IdentityError(_WRONG)
        if any(principal.name != found[0].name for principal in found):
            raise credentials.IdentityError("The request shows the keys of two principals.")
        return found[0]

    def _turn_away(self, error: errors.TurnstreamError, scope: Scope) -> ASGIApp:
        return self._refuse(scope, error, {"www-authenticate": "Bearer"})
