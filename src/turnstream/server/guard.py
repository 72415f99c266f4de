"""What every request passes first: the draining server, the keys, the origin; and the boundary behind which no
exception reaches the client."""

from __future__ import annotations

import hmac
import ipaddress
import logging
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turnstream.events import TurnstreamError
from turnstream.server import replies
from turnstream.server.refusals import Refusals
from turnstream.server.state import RETRY_AFTER, State
from turnstream.service import ServerSettings

log = logging.getLogger(__name__)

OPEN = frozenset({"/healthz", "/readyz", "/health"})  # answered without a key, and while the server drains
PUBLIC = OPEN | {"/docs", "/docs/oauth2-redirect", "/openapi.json"}


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    def __init__(self, app: ASGIApp, settings: ServerSettings, state: State, refusals: Refusals) -> None:
        self._app, self._settings, self._state, self._refuse = app, settings, state, refusals
        self._keys = [key.encode() for key in settings.keys if key]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        scope[replies.SEND] = send
        try:
            await self._app(scope, receive, watched)
        except Exception:  # the last boundary: the log has the traceback, the client a fixed sentence
            log.exception("request %s failed", replies.request_id(scope))
            if not started:
                await self._refuse.fault(scope)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        path = scope["path"]
        headers = Headers(scope=scope)
        if self._state.draining and path not in OPEN:
            retry = {"retry-after": str(RETRY_AFTER), "connection": "close"}
            error = TurnstreamError("The server is shutting down.", code="server_shutdown", status=503)
            return self._refuse(scope, error, retry)
        if path in PUBLIC or self._refuse.is_public(path):
            return None
        if self._settings.keys:
            if not self._has_key(headers):
                message = "The API key is missing or wrong: send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
                challenge = {"www-authenticate": "Bearer"}
                error = TurnstreamError(message, code="invalid_api_key", status=401)
                return self._refuse(scope, error, challenge)
        elif not self._origin_may(headers):
            message = "This origin may not use the server: add it to the server's CORS origins."
            return self._refuse(scope, TurnstreamError(message, code="origin_not_allowed", status=403))
        return None

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = [headers.get("x-api-key", "")]
        if scheme.lower() == "bearer":
            given.append(token.strip())
        found = False
        for candidate in given:
            for key in self._keys:  # all of them, so that the time tells nothing
                found |= hmac.compare_digest(candidate.encode("latin-1"), key)
        return found

    def _origin_may(self, headers: Headers) -> bool:
        """Without keys, any web page could make its visitor's browser talk to a server on that machine."""
        origin = headers.get("origin")
        if origin is None or "*" in self._settings.cors_origins or origin in self._settings.cors_origins:
            return True
        parts = urlsplit(origin)
        if is_loopback(parts.hostname or ""):
            return True
        return not is_loopback(self._settings.host) and parts.netloc == headers.get("host")
