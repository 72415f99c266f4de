"""The boundary behind which no exception reaches the client."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream.server import refusals, scopes

log = logging.getLogger(__name__)


class Errors:
    """The log gets the traceback, the client a fixed sentence; a response that has begun just ends."""

    def __init__(self, app: ASGIApp, refuse: refusals.Refusals) -> None:
        self._app, self._refuse = app, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        outgoing = scopes.Outgoing(send)
        scopes.set_outgoing(scope, outgoing)
        try:
            await self._app(scope, receive, outgoing)
        except Exception:
            log.exception("request %s failed", scopes.request_id(scope))
            if not outgoing.begun:
                await self._refuse.fault(scope)(scope, receive, outgoing)
        finally:
            scopes.forget_outgoing(scope)
