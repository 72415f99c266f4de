"""The request's id: the client's own, if it sends one, so that its log and ours speak of the same."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream.server import scopes

_USABLE = re.compile(r"[!-~]{1,128}")  # printable ASCII, as it stands in headers and in lines of the log


class RequestId:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        id = scopes.headers(scope).get("x-request-id")
        if id is None or not _USABLE.fullmatch(id):
            id = f"req_{os.urandom(16).hex()}"
        scopes.set_request_id(scope, id)
        return self._app(scope, receive, send)
