"""What a principal may: each path needs one scope, which `turnstream.server.routes` knows."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream.server import refusals, routes, scopes


class Permissions:
    """Behind whoever finds out who asks. It refuses also where nothing is served, so that it tells nothing of that."""

    def __init__(self, app: ASGIApp, table: routes.Routes, refuse: refusals.Refusals) -> None:
        self._app, self._table, self._refuse = app, table, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        wanted = self._table.scopes_of(scope)
        if not scopes.principal(scope).scopes.isdisjoint(wanted) or self._table.is_public(scope):
            return self._app(scope, receive, send)
        told = {"www-authenticate": f'Bearer error="insufficient_scope", scope="{wanted[0]}"'}
        return self._refuse(scope, scopes.forbid(wanted[0]), told)(scope, receive, send)
