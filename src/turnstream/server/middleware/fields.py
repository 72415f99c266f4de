"""How many header fields a request may have: whoever looks one up reads them all, and all behind this does so."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import errors
from turnstream.server import refusals

MOST_FIELDS = 128


class FieldLimit:
    def __init__(self, app: ASGIApp, refuse: refusals.Refusals) -> None:
        self._app, self._refuse = app, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if len(scope["headers"]) <= MOST_FIELDS:
            return self._app(scope, receive, send)
        message = f"The request has more than {MOST_FIELDS} header fields."
        error = errors.RequestError(message, code="request_header_fields_too_large", status=431)
        del scope["headers"][MOST_FIELDS:]  # what words the refusal may look one up
        return self._refuse(scope, error, {"connection": "close"})(scope, receive, send)
