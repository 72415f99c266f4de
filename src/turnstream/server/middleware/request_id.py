"""The request's id, which its answer and its lines in the log carry."""

from __future__ import annotations

import uuid

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream.server import scopes


class RequestId:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scopes.set_request_id(scope, f"run_{uuid.uuid4().hex}")
        await self._app(scope, receive, send)
