"""How a tool's requests prove who asks: what is put into the header, the query or a cookie."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import quote, urlencode

import msgspec

from turnstream.events import ToolError
from turnstream.tools.http_client import HttpClient, Request

_EARLIER = 30.0  # seconds before its end at which a token is renewed


@dataclass(frozen=True, slots=True)
class Credentials:
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> list[str]:
        values = [*self.headers.values(), *self.query.values(), *self.cookies.values()]
        return values + [value.partition(" ")[2] for value in values if " " in value]


class Auth(Protocol):
    async def credentials(self, client: HttpClient) -> Credentials: ...

    def refused(self, used: Credentials) -> bool:
        """The server did not accept ``used``. Whether others can be had."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Credentials that are always the same."""

    given: Credentials = field(default_factory=Credentials)

    async def credentials(self, client: HttpClient) -> Credentials:
        return self.given

    def refused(self, used: Credentials) -> bool:
        return False


def api_key(key: str, name: str, where: Literal["header", "query", "cookie"] = "header") -> Fixed:
    match where:
        case "header":
            return Fixed(Credentials(headers={name: key}))
        case "query":
            return Fixed(Credentials(query={name: key}))
        case "cookie":
            return Fixed(Credentials(cookies={name: key}))


def bearer(token: str) -> Fixed:
    return Fixed(Credentials(headers={"Authorization": f"Bearer {token}"}))


def basic(username: str, password: str) -> Fixed:
    """RFC 7617."""
    text = b64encode(f"{username}:{password}".encode()).decode()
    return Fixed(Credentials(headers={"Authorization": f"Basic {text}"}))


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None


class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749, section 4.4). One token serves all calls until shortly before its end.
    Calls that need a new one at the same time wait for the same.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        scope: str = "",
        extra: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._id, self._secret = token_url, client_id, client_secret
        self._fields = {"grant_type": "client_credentials", **({"scope": scope} if scope else {}), **(extra or {})}
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: tuple[str, float] | None = None

    async def credentials(self, client: HttpClient) -> Credentials:
        """Raises `ToolError` if there is no token to be had."""
        async with self._lock:
            if self._kept is None or self._clock() >= self._kept[1]:
                self._kept = await self._fetched(client)
            return bearer(self._kept[0]).given

    def refused(self, used: Credentials) -> bool:
        """Of many calls that are refused with one token, the first has a new one fetched, for all."""
        if self._kept is not None and used == bearer(self._kept[0]).given:
            self._kept = None
        return True

    async def _fetched(self, client: HttpClient) -> tuple[str, float]:
        # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
        pair = f"{quote(self._id, safe='')}:{quote(self._secret, safe='')}"
        headers = {
            "Authorization": f"Basic {b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        asked = self._clock()
        request = Request("POST", self._url, headers, urlencode(self._fields).encode(), repeatable=True)
        response = await client.send(request)
        if not response.ok:
            raise ToolError(f"No access token could be had: its server answered with status {response.status}.")
        try:
            token = msgspec.json.decode(response.body, type=_Token)
            lifetime = float(token.expires_in) if token.expires_in is not None else 3600.0
        except (msgspec.DecodeError, ValueError):
            raise ToolError("No access token could be had: the answer of its server has none.") from None
        return token.access_token, asked + max(lifetime - _EARLIER, lifetime / 2)
