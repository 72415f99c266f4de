"""What a request shows of who sends it: its header fields, as they came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from turnstream import errors

LONGEST = 16 * 1024  # bytes of a key or a token: nothing longer is even hashed
_AUTHORIZATION = b"authorization"
_FIELDS = frozenset({b"x-api-key", b"api-key", _AUTHORIZATION})  # the second as Azure's clients have it


class Credentials(NamedTuple):
    """``keys`` may be the server's, ``bearer`` is what stands behind ``Bearer`` and is among them."""

    keys: tuple[bytes, ...] = ()
    bearer: bytes | None = None


def read(fields: Iterable[tuple[bytes, bytes]]) -> Credentials:
    """Raises `IdentityError` if a field is there twice with different values: a gateway before the server may have
    looked at the one, and the server would look at the other."""
    found: dict[bytes, bytes] = {}
    for name, value in fields:
        if name in _FIELDS and found.setdefault(name, value) != value:
            raise IdentityError(f"The request has two different fields '{name.decode()}'.")
    scheme, _, rest = found.pop(_AUTHORIZATION, b"").partition(b" ")
    bearer = rest.strip() if scheme.lower() == b"bearer" else b""
    shown = [*(value.strip() for value in found.values()), bearer]
    usable = tuple(value for value in shown if 0 < len(value) <= LONGEST)
    return Credentials(usable, bearer if bearer in usable else None)


class IdentityError(errors.TurnstreamError):
    """Who asks cannot be said, or not for certain. The message is for the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="invalid_api_key", status=401)
