"""How many header fields a request may have: whoever looks one up reads them all, and all behind this does so."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import events
from turnstream.server import refusals

MOST_FIELDS = 128


class FieldLimit:
    def __init__(self, app: ASGIApp, refuse: refusals.Refusals) -> None:
        self._app, self._refuse = app, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or len(scope["headers"]) <= MOST_FIELDS:
            await self._app(scope, receive, send)
            return
        message = f"The request has more than {MOST_FIELDS} header fields."
        error = events.RequestError(message, code="request_header_fields_too_large", status=431)
        del scope["headers"][MOST_FIELDS:]  # what words the refusal may look one up
        await self._refuse(scope, error, {"connection": "close"})(scope, receive, send)
