"""What a proxy before the server says of its own client: believed of none but those that the configuration names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from starlette.datastructures import URL, Headers
from starlette.requests import Request
from starlette.types import Scope

from turnstream.server import addresses
from turnstream.service import ServerSettings

_HOST = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$")
_PREFIX = re.compile(r"^(/[A-Za-z0-9._~-]+)+$")


def base_url(scope: Scope, settings: ServerSettings) -> str:
    """Where the client reaches the server: by what the configuration says, else by what it asked, and by what the
    proxy says if that is a trusted one. A proxy on this machine is believed that it speaks TLS to them."""
    if settings.public_url:
        return settings.public_url
    url = Request(scope).base_url
    peer, headers = (scope.get("client") or ("",))[0], Headers(scope=scope)
    if trusts(peer, settings.trusted_proxies):
        return str(_as_forwarded(url, headers))
    if headers.get("x-forwarded-proto") == "https" and addresses.is_loopback(peer):
        url = url.replace(scheme="https")
    return str(url)


def trusts(peer: str, trusted: Sequence[str]) -> bool:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:  # a Unix socket has no address
        return False
    return any(address in ip_network(entry, strict=False) for entry in trusted)


def _as_forwarded(url: URL, headers: Headers) -> URL:
    """Of several proxies the first wrote what its client sees. What is not an address is left out."""
    proto, host, prefix = (
        headers.get(f"x-forwarded-{name}", "").split(",")[0].strip() for name in ("proto", "host", "prefix")
    )
    if proto in ("http", "https"):
        url = url.replace(scheme=proto)
    if len(host) <= 255 and _HOST.match(host):
        url = url.replace(netloc=host)
    prefix = prefix.rstrip("/")
    if len(prefix) <= 255 and _PREFIX.match(prefix):
        url = url.replace(path=f"{prefix}{url.path}")
    return url
