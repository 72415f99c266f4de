"""Users of a front end that is trusted to name them: by a token that it signs, or by a header field as it is.

Whoever has the front end's key could name anybody, so the key says whether its holder may, and how. A user is somebody
under that key: two front ends that both have a user `1` do not share one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from msgspec.structs import replace

from turnstream import requests
from turnstream.identity.credentials import LONGEST, IdentityError

OPEN_WEBUI = "x-openwebui-user-jwt"
"""What Open WebUI 0.10 and later sends with `FORWARD_USER_INFO_HEADER_JWT_SECRET`."""
_LEEWAY = 60.0  # seconds


@dataclass(frozen=True)
class Users:
    """``header`` (lower case) has the user's name, or with a ``secret`` a token (HS256) whose subject that is, and
    whose ``issuer`` signs itself so. With ``required`` a request that names nobody is refused."""

    header: str = OPEN_WEBUI
    secret: str | None = field(default=None, repr=False)
    issuer: str = "open-webui"
    required: bool = True
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)

    def identify(self, front_end: requests.Principal, fields: Iterable[tuple[bytes, bytes]]) -> requests.Principal:
        """For whom the front end asks. Raises `IdentityError`."""
        name = self.header.encode()
        given = {value for each, value in fields if each == name}
        if len(given) > 1:
            raise IdentityError(f"The request has two different fields '{self.header}'.")
        value = next(iter(given), b"")
        if not value and self.required:
            raise MissingUserError(f"This key must say for which user it asks, in the field '{self.header}'.")
        if not value:
            return front_end
        if len(value) > LONGEST:
            raise IdentityError(f"The field '{self.header}' is too long.")
        user, groups = _read(value), frozenset[str]()
        if self.secret is not None:
            user, groups = self._verify(value)
        if not 0 < len(user) <= requests.LONGEST_NAME or not user.isprintable():
            raise IdentityError(f"The field '{self.header}' does not name a user.")
        return replace(front_end, name=f"{front_end.name}/{user}", user=user, groups=front_end.groups | groups)

    def _verify(self, value: bytes) -> tuple[str, frozenset[str]]:
        """The user, and the role that the front end gives it, which is a group."""
        from turnstream.identity import tokens

        header, claims = tokens.read(value)
        tokens.check_header(header, ("HS256",))
        if not tokens.is_signed(value, self._key, "HS256") or claims.get("iss") != self.issuer:
            raise IdentityError(f"The field '{self.header}' is not signed as it should be.")
        tokens.check_times(claims, self.clock(), _LEEWAY)
        user, role = claims.get("sub"), claims.get("role")
        groups = frozenset({role}) if isinstance(role, str) and role else frozenset[str]()
        return (user if isinstance(user, str) else ""), groups

    @cached_property
    def _key(self) -> Any:
        from joserfc import jwk

        return jwk.OctKey.import_key(self.secret or "")


class MissingUserError(IdentityError):
    """The front end asks for nobody in particular."""


def _read(value: bytes) -> str:
    try:
        return value.decode().strip()
    except UnicodeDecodeError:
        return ""
