"""By which names a server may be called.

A page of `evil.example` may let its own name lead to the server's address (DNS rebinding): then the browser of whoever
visits it takes the server for a part of that page. The name is in ``Host``, and none that somebody else can own is let
in: without further word these are names of this machine alone.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import errors
from turnstream.server import refusals, routes, scopes
from turnstream.service import ServerSettings

LONGEST = 262  # characters of a name, and a port

# of a network of one's own: nobody can register a name that ends so (RFC 6761, 6762, 8375, 9476; Kubernetes)
_PRIVATE = (".localhost", ".local", ".internal", ".home.arpa", ".svc")


class Hosts:
    def __init__(self, app: ASGIApp, settings: ServerSettings, refuse: refusals.Refusals) -> None:
        self._app, self._refuse = app, refuse
        self._allowed = {name.lower() for name in settings.allowed_hosts}
        self._allows = lru_cache(256)(self._judge)
        self._own = {settings.host.lower(), socket.gethostname().lower(), host_name(settings.public_url or "")}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if self._is_allowed(scope) or scopes.path(scope) in routes.HEALTH:
            return self._app(scope, receive, send)
        message = "Host not allowed: add it to the server's allowed_hosts."
        error = errors.TurnstreamError(message, code="host_not_allowed", status=403)
        return self._refuse(scope, error)(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        host = scopes.headers(scope).get("host")
        if host is None:
            return True  # HTTP/1.0, which no browser speaks
        return len(host) <= LONGEST and self._allows(host)

    def _judge(self, given: str) -> bool:
        name = host_name(f"http://{given}")
        if "*" in self._allowed or name in self._allowed or name in self._own:
            return True
        return not self._allowed and bool(name) and is_private(name)


def host_name(url: str) -> str:
    """In lower case, without the port; empty for what is not an address."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_private(name: str) -> bool:
    """Whether nobody else can own the name: an address, a name without a dot, a name of a private network."""
    if "." not in name or name.endswith(_PRIVATE):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
