"""The request's id: the client's own, if it sends one, so that its log and ours speak of the same."""

from __future__ import annotations

import re
import uuid

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream.server import scopes

_USABLE = re.compile(r"[!-~]{1,128}")  # printable ASCII, as it stands in headers and in lines of the log


class RequestId:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scopes.set_request_id(scope, _own(scope) or f"req_{uuid.uuid4().hex}")
        await self._app(scope, receive, send)


def _own(scope: Scope) -> str | None:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _USABLE.fullmatch(given) else None
