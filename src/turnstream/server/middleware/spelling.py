"""One spelling of a path: `/v1/models/`, `//v1/models` and Azure's `/openai/v1/models` are `/v1/models`. Most clients
do not follow a redirect with what they send."""

from __future__ import annotations

import re
from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

_SLASHES = re.compile(r"//+")
_AZURE = "/openai/v1/"


class Spelling:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        path: str = scope["path"]
        if "//" in path or (path.endswith("/") and len(path) > 1):
            path = _SLASHES.sub("/", path).rstrip("/")
            # Below a path the page needs the slash: its files are beside it.
            scope["path"] = path = f"{path}/" if path == scope.get("root_path", "") else path
        if _AZURE in path:
            root = scope.get("root_path", "")
            if path.startswith(f"{root}{_AZURE}"):
                scope["path"] = root + path.removeprefix(f"{root}/openai")
        return self._app(scope, receive, send)
