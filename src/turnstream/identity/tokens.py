"""Tokens: JWTs that an issuer has signed (RFC 7519), checked as RFC 8725 and RFC 9068 advise."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from joserfc import errors as jose, jws

from turnstream import jsontext, requests
from turnstream.identity import issuers, jwks
from turnstream.identity.credentials import IdentityError

if TYPE_CHECKING:
    from typing import Self

_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})  # not those that say something else than who asks
_MOST_KEYS = 8  # are tried for a token that does not say which


class Tokens:
    """``async with`` it. Several issuers are told apart by what a token says of its own, before that is believed."""

    def __init__(
        self,
        believed: Sequence[issuers.Issuer],
        fetch: jwks.Fetch | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = {issuer.url: (issuer, jwks.Jwks(issuer, fetch)) for issuer in believed}
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, keys in self._issuers.values():
            await keys.close()

    async def verify(self, token: bytes) -> requests.Principal:
        """Whose it is. Raises `IdentityError`, `IssuerUnavailableError`."""
        header, claims = read(token)
        found = self._issuers.get(str(claims.get("iss")))
        if found is None:
            raise IdentityError("The token's issuer is not one that this server trusts.")
        issuer, keys = found
        kid = header.get("kid")
        alg = check_header(header, issuer.algorithms)
        candidates = await keys.find(kid if isinstance(kid, str) else None, alg)
        if not any(is_signed(token, key.key, alg) for key in candidates[:_MOST_KEYS]):
            raise IdentityError("The token's signature does not match a key of its issuer.")
        self._check_claims(issuer, claims)
        principal = issuer.principal(claims)
        if principal is None:
            raise IdentityError(f"The token does not name its user: {issuer.subject}.")
        return principal

    def _check_claims(self, issuer: issuers.Issuer, claims: Mapping[str, Any]) -> None:
        audience = claims.get("aud")
        meant = audience if isinstance(audience, list) else [audience]
        if not any(each in issuer.audience for each in meant if isinstance(each, str)):
            raise IdentityError("The token is for another audience.")
        check_times(claims, self._clock(), issuer.leeway)
        if "cnf" in claims:
            raise IdentityError("The token is bound to a key, which this server does not ask for.")


def read(token: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims, which nobody has checked yet. Raises `IdentityError`."""
    try:
        found = jws.extract_compact(token, registry=_registry())
        claims = jsontext.decode(found.payload or b"", dict[str, Any])
    except (jose.JoseError, ValueError, TypeError):
        raise IdentityError("The token cannot be read.") from None
    return found.headers(), claims


def check_header(header: Mapping[str, Any], algorithms: Sequence[str]) -> str:
    """Its algorithm. Raises `IdentityError` for one that is not allowed, and for a token of another kind."""
    alg = header.get("alg")
    if alg not in algorithms:
        raise IdentityError("The token is signed by an algorithm that is not allowed.")
    if str(header.get("typ") or "").lower() not in _TYPES or "crit" in header:
        raise IdentityError("The token is of the wrong kind.")
    return str(alg)


def check_times(claims: Mapping[str, Any], now: float, leeway: float) -> None:
    """Raises `IdentityError` if it has expired, says no time at which it does, or is not valid yet."""
    expires_at, begins_at = claims.get("exp"), claims.get("nbf", now)
    if not isinstance(expires_at, int | float) or not isinstance(begins_at, int | float):
        raise IdentityError("The period in which the token is valid is missing or wrong.")
    if now >= expires_at + leeway:
        raise IdentityError("The token has expired.")
    if now < begins_at - leeway:
        raise IdentityError("The token is not valid yet.")


def is_signed(token: bytes, key: Any, alg: str) -> bool:
    try:
        jws.deserialize_compact(token, key, registry=_registry(alg))
    except (jose.JoseError, ValueError, TypeError):
        return False
    return True


class _Registry(jws.JWSRegistry):
    """The algorithms that are named, without the library's word on each at every token."""

    max_header_length = 8192  # some have their certificates there

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise jose.UnsupportedAlgorithmError(name)
        return self.algorithms[name]


def _registry(*algorithms: str) -> _Registry:
    return _Registry(algorithms=algorithms or issuers.KNOWN, strict_check_header=False)
