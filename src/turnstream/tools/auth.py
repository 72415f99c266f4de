"""How a tool's requests prove who asks: what is put into the header, the query or a cookie."""

from __future__ import annotations

import asyncio
import logging
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import quote, urlencode

import msgspec

from turnstream import errors, jsontext, text as texts
from turnstream.tools.http_client import HttpClient, Request, Response

log = logging.getLogger("turnstream.tools.http")

_MOST_REASON = 300
_EARLIER = 30.0  # seconds before its end at which a token is renewed


@dataclass(frozen=True, slots=True)
class Credentials:
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> list[str]:
        values = [*self.headers.values(), *self.query.values(), *self.cookies.values()]
        bare = [value.partition(" ")[2] for value in values if " " in value]
        return values + bare + [_password(value) for value in values if value.startswith("Basic ")]


def _password(basic: str) -> str:
    try:
        return b64decode(basic.removeprefix("Basic ")).decode("utf-8", "replace").partition(":")[2]
    except ValueError:
        return ""


class Auth(Protocol):
    @property
    def fills(self) -> frozenset[tuple[str, str]]:
        """The places and the names, in lower case, that it fills: ``("header", "authorization")``."""

    async def credentials(self, client: HttpClient) -> Credentials: ...

    def discard(self, used: Credentials) -> bool:
        """The server did not accept ``used``. Whether there may be others."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Credentials that are always the same."""

    given: Credentials = field(default_factory=Credentials)

    @property
    def fills(self) -> frozenset[tuple[str, str]]:
        places = (("header", self.given.headers), ("query", self.given.query), ("cookie", self.given.cookies))
        return frozenset((place, name.lower()) for place, names in places for name in names)

    async def credentials(self, client: HttpClient) -> Credentials:
        return self.given

    def discard(self, used: Credentials) -> bool:
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


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749, section 4.4). One token serves all calls until shortly before its end.
    Calls that need a new one at the same time wait for the same. ``client_auth`` is where the id and the secret stand:
    in the header, or in the body (section 2.3.1).
    """

    fills = frozenset({("header", "authorization")})

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        scope: str = "",
        extra: Mapping[str, str] | None = None,
        client_auth: Literal["basic", "post"] = "basic",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._id, self._secret = token_url, client_id, client_secret
        self._client_auth = client_auth
        self._fields = {"grant_type": "client_credentials", **({"scope": scope} if scope else {}), **(extra or {})}
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: tuple[str, float] | None = None

    async def credentials(self, client: HttpClient) -> Credentials:
        """Raises `ToolError` if there is no token."""
        async with self._lock:
            if self._kept is None or self._clock() >= self._kept[1]:
                self._kept = await self._fetch(client)
            return bearer(self._kept[0]).given

    def discard(self, used: Credentials) -> bool:
        """Of many calls that are refused with one token, the first has a new one fetched, for all."""
        if self._kept is not None and used == bearer(self._kept[0]).given:
            self._kept = None
        return True

    async def _fetch(self, client: HttpClient) -> tuple[str, float]:
        asked = self._clock()
        response = await client.send(self._request())
        if not response.ok:
            reason = self._reason(response)
            log.warning("no access token: %s answered with status %d: %s", self._url, response.status, reason)
            raise errors.ToolError(f"Could not get an access token: the token server answered {response.status}.")
        try:
            token = jsontext.decode(response.body, _Token)
            lifetime = float(token.expires_in) if token.expires_in is not None else 3600.0
        except ValueError:
            raise errors.ToolError("Could not get an access token: the token server's answer has no token.") from None
        return token.access_token, asked + max(lifetime - _EARLIER, lifetime / 2)

    def _request(self) -> Request:
        fields = self._fields
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self._client_auth == "post":
            fields = {**fields, "client_id": self._id, "client_secret": self._secret}
        else:  # both are form-encoded before they are joined
            pair = f"{quote(self._id, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return Request("POST", self._url, headers, urlencode(fields).encode(), repeatable=True)

    def _reason(self, response: Response) -> str:
        """``error: error_description`` (RFC 6749, section 5.2), for the log."""
        try:
            refusal = jsontext.decode(response.body, _Refusal)
        except ValueError:
            return "no reason"
        said = ": ".join(part for part in (refusal.error, refusal.error_description) if part)
        redacted = texts.Redactor([self._secret, self._id]).redact(" ".join(said.split()))
        return texts.excerpt(redacted, _MOST_REASON) or "no reason"
