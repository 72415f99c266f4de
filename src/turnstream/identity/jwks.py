"""An issuer's public keys: discovered, kept for a while, and looked up anew when a token names one that is unknown.

Whoever can send a token can name keys that do not exist. So at most one look is made every `PAUSE` seconds, whatever
comes in between, and all who wait for it wait for the same one. Keys that have grown old go on counting while the
issuer does not answer, but not for ever: one that the issuer has taken back must end some time.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from joserfc import jwk
from joserfc.errors import JoseError

from turnstream import errors, jsontext
from turnstream.identity import issuers

log = logging.getLogger(__name__)

PAUSE = 10.0  # seconds between two looks
_SHORTEST_LIFE, _USUAL_LIFE, _LONGEST_LIFE = 60.0, 3600.0, 86400.0  # seconds for which keys are fresh
_LAST = 86400.0  # seconds for which old keys count while the issuer does not answer
_LARGEST = 512 * 1024  # bytes of a document
_MOST = 100  # keys
_TIMEOUT = 10.0
_TYPES = {"RSA", "EC", "OKP"}
_SMALLEST_RSA = 2048  # bits
_MAX_AGE = re.compile(r"max-age=(\d{1,9})")


class Document(NamedTuple):
    body: bytes
    cache_control: str = ""


Fetch = Callable[[str], Awaitable[Document]]


class PublicKey(NamedTuple):
    key: jwk.Key
    kid: str | None
    alg: str | None


class Jwks:
    """``fetch`` gets a document by its URL, or raises `OSError`; ``clock`` is monotonic."""

    def __init__(
        self, issuer: issuers.Issuer, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer, self._fetch, self._clock = issuer, fetch or get, clock
        self._keys: Sequence[PublicKey] = ()
        self._looked_at: float | None = None
        self._found_at = self._old_at = 0.0
        self._look: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, alg: str) -> Sequence[PublicKey]:
        """Those that a signature with this header may be by. Raises `IssuerUnavailableError` while there are none."""
        if self._keys and self._clock() >= self._old_at:
            self._start_look()  # nobody waits for it
        if self._keys and self._clock() >= self._found_at + _LAST:
            self._keys = ()
        found = self._select(kid, alg)
        if not found and (look := self._start_look()) is not None:
            await asyncio.shield(look)
            found = self._select(kid, alg)
        if not self._keys:
            raise IssuerUnavailableError(self._issuer.url)
        return found

    async def close(self) -> None:
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])

    def _select(self, kid: str | None, alg: str) -> Sequence[PublicKey]:
        return [key for key in self._keys if key.alg in (None, alg) and (kid is None or key.kid == kid)]

    def _start_look(self) -> asyncio.Task[None] | None:
        """The look that is under way, or a new one, unless there has just been one."""
        if self._look is not None and not self._look.done():
            return self._look
        if self._looked_at is not None and self._clock() < self._looked_at + PAUSE:
            return None
        self._looked_at = self._clock()
        self._look = asyncio.create_task(self._load())
        return self._look

    async def _load(self) -> None:
        try:
            url = self._issuer.jwks_url or await self._discover()
            document = await self._fetch(url)
            if not (keys := read_keys(document.body)):
                raise ValueError("its document has no key that can verify a signature")
        except (OSError, ValueError, TimeoutError) as error:
            log.warning("the keys of the issuer %s could not be loaded: %s", self._issuer.url, error)
            return
        self._keys, self._found_at = keys, self._clock()
        self._old_at = self._found_at + _read_life(document.cache_control)

    async def _discover(self) -> str:
        """Where its keys are (OpenID Connect Discovery 1.0, section 4)."""
        url = self._issuer.url
        found = _decode((await self._fetch(f"{url.rstrip('/')}/.well-known/openid-configuration")).body)
        if found.get("issuer") != url:
            raise ValueError("its document is another issuer's")
        if not issuers.is_safe(where := str(found.get("jwks_uri", ""))):
            raise ValueError("its document names no safe address of its keys")
        return where


class IssuerUnavailableError(errors.TurnstreamError):
    """Nobody can say now whether a token is good."""

    def __init__(self, url: str) -> None:
        super().__init__("The issuer of the token does not answer.", code="issuer_unavailable", status=503)
        self.url = url


def read_keys(data: bytes) -> Sequence[PublicKey]:
    """The keys of a JWK Set (RFC 7517, section 5) that can check signatures; others are left out. Raises
    `ValueError`."""
    listed = _decode(data).get("keys")
    if not isinstance(listed, list):
        raise ValueError("its document is not a set of keys")
    return [key for each in listed[:_MOST] if isinstance(each, dict) and (key := _read_key(each)) is not None]


def _read_key(given: dict[str, Any]) -> PublicKey | None:
    kind, kid, alg = given.get("kty"), given.get("kid"), given.get("alg")
    if kind not in _TYPES or given.get("use", "sig") != "sig" or "d" in given:
        return None  # a shared secret, a key for encryption, or a private key that everybody knows by now
    if kind == "RSA" and len(str(given.get("n", ""))) * 6 < _SMALLEST_RSA:
        return None
    operations = given.get("key_ops")
    if isinstance(operations, list) and "verify" not in operations:
        return None
    plain = {name: value for name, value in given.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        key = jwk.import_key(plain, kind)
    except (JoseError, ValueError, TypeError):
        return None
    return PublicKey(key, kid if isinstance(kid, str) else None, alg if isinstance(alg, str) else None)


def _read_life(cache_control: str) -> float:
    found = _MAX_AGE.search(cache_control)
    return min(max(float(found[1]), _SHORTEST_LIFE), _LONGEST_LIFE) if found else _USUAL_LIFE


def _decode(data: bytes) -> dict[str, Any]:
    try:
        return jsontext.decode(data, dict[str, Any])
    except ValueError:
        raise ValueError("its document is not a JSON object") from None


async def get(url: str) -> Document:
    """A document, of bounded size and time; a redirect is not followed. Raises `OSError`, `TimeoutError`."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as client,
            client.get(url, allow_redirects=False, headers={"accept": "application/json"}) as response,
        ):
            if response.status != 200:
                raise OSError(f"{url} answered {response.status}")
            body = await response.content.read(_LARGEST + 1)
            while len(body) <= _LARGEST and (more := await response.content.read(_LARGEST + 1 - len(body))):
                body += more
            if len(body) > _LARGEST:
                raise OSError(f"{url} answered more than {_LARGEST} bytes")
            return Document(body, response.headers.get("cache-control", ""))
    except aiohttp.ClientError as error:
        raise OSError(f"{url} does not answer: {type(error).__name__}") from error
