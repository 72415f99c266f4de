"""The request's id: the client's own, if it sends one, so that its log and ours speak of the same."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream.server import scopes

_USABLE = re.compile(rb"[!-~]{1,128}")  # printable ASCII, as it stands in headers and in lines of the log


class RequestId:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            scopes.set_request_id(scope, _own(scope) or f"req_{os.urandom(16).hex()}")
        return self._app(scope, receive, send)


def _own(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if _USABLE.fullmatch(value) else None
    return None
