"""Who asks: the principal behind what a request shows."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import errors, identity, requests
from turnstream.identity import credentials, users
from turnstream.server import refusals, routes, scopes

_WRONG = "The API key is missing or wrong: send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
_TWO = "The request shows two principals."
_AGENTS = "/v1/models"  # a front end may list them for nobody in particular, as Open WebUI does when it starts


class Auth:
    """Puts the principal into the scope. What is public needs none."""

    def __init__(
        self, app: ASGIApp, directory: identity.Directory, table: routes.Routes, refuse: refusals.Refusals
    ) -> None:
        self._app, self._directory, self._table, self._refuse = app, directory, table, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        try:
            shown = credentials.read(scope["headers"])
            principal = self._by_key(shown, scope)
            if shown.bearer is not None and self._directory.tokens is not None and _is_token(shown.bearer):
                return self._by_token(shown.bearer, principal, scope, receive, send)
            if principal is None:
                raise credentials.IdentityError(_WRONG)
        except credentials.IdentityError as error:
            return self._turn_away(error, scope)(scope, receive, send)
        scopes.set_principal(scope, principal)
        return self._app(scope, receive, send)

    def _by_key(self, shown: credentials.Credentials, scope: Scope) -> requests.Principal | None:
        """Raises `IdentityError`. A key that is unknown beside one that is known does no harm: some clients always
        send one of their own."""
        found = [known for key in shown.keys if (known := self._directory.find(key)) is not None]
        if not found:
            return None
        key, principal = found[0]
        if any(other.name != principal.name for _, other in found):
            raise credentials.IdentityError(_TWO)
        if key.users is None:
            return principal
        try:
            return key.users.identify(principal, scope["headers"])
        except users.MissingUserError:
            if scope["method"] in ("GET", "HEAD") and scopes.path(scope) == _AGENTS:
                return principal
            raise

    async def _by_token(
        self, token: bytes, known: requests.Principal | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        assert self._directory.tokens is not None
        app = self._app
        try:
            principal = await self._directory.tokens.verify(token)
            if known is not None and known.name != principal.name:
                raise _TwoPrincipalsError(_TWO)
            scopes.set_principal(scope, principal)
        except errors.TurnstreamError as error:
            if known is None or isinstance(error, _TwoPrincipalsError):
                app = self._turn_away(error, scope)
            else:
                scopes.set_principal(scope, known)
        await app(scope, receive, send)

    def _turn_away(self, error: errors.TurnstreamError, scope: Scope) -> ASGIApp:
        if self._table.is_public(scope):
            return self._app
        return self._refuse(scope, error, {"www-authenticate": "Bearer"} if error.status == 401 else None)


class _TwoPrincipalsError(credentials.IdentityError):
    """A token and a key that are both good, and another's."""


def _is_token(shown: bytes) -> bool:
    """Three parts, of which the first is a JSON object."""
    return shown.startswith(b"ey") and shown.count(b".") == 2
