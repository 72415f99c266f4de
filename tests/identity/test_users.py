"""Users of a front end that is trusted to name them."""

from __future__ import annotations

from typing import Any

import jwt as pyjwt
import pytest
from joserfc import jwk, jwt

from turnstream.identity import Users
from turnstream.identity.credentials import IdentityError
from turnstream.identity.users import OPEN_WEBUI
from turnstream.requests import Principal

SECRET = "a secret of thirty-two bytes, all"
NOW = 1_000_000
FRONT = Principal("webui", groups=frozenset({"staff"}))
CLAIMS = {"sub": "7f3", "email": "ada@example.org", "name": "Ada", "role": "admin", "iss": "open-webui"}
SIGNED = Users(secret=SECRET, clock=lambda: NOW)


def token(claims: dict[str, Any] | None = None, secret: str = SECRET, **header: Any) -> bytes:
    """As Open WebUI 0.12 makes it."""
    made = {**CLAIMS, "iat": NOW, "exp": NOW + 300, **(claims or {})}
    return jwt.encode({"alg": "HS256", **header}, made, jwk.OctKey.import_key(secret)).encode()


def identify(users: Users, *values: bytes, name: str | None = None) -> Principal:
    return users.identify(FRONT, [((name or users.header).encode(), value) for value in values])


def test_what_open_webui_signs_by_its_own_library_is_read() -> None:
    """Its `open_webui/utils/headers.py`, line by line."""
    payload = {**CLAIMS, "iat": NOW, "exp": NOW + 300}
    minted = pyjwt.encode(payload, SECRET, algorithm="HS256")
    assert identify(SIGNED, minted.encode()).name == "webui/7f3"


def test_a_signed_user_is_somebody_under_the_front_end_and_in_the_group_of_its_role() -> None:
    found = identify(SIGNED, token())
    assert (found.name, found.user) == ("webui/7f3", "7f3")
    assert found.groups == {"staff", "admin"}
    assert found.scopes == FRONT.scopes, "a role opens nothing by itself"


@pytest.mark.parametrize(
    "value",
    [
        token(secret="another secret of thirty-two bytes"),
        token({"iss": "somebody"}),
        token({"exp": NOW - 61}),
        token({"exp": None}),
        token({"sub": ""}),
        token({"sub": None}),
        token({"sub": "a\x00b"}),
        token({"sub": "a" * 256}),
        token(typ="logout+jwt"),
        token()[:-4],
        b"7f3",
        b"a.b.c",
        b"e" * 20_000,
    ],
    ids=range(13),
)
def test_what_is_not_signed_as_it_should_be_names_nobody(value: bytes) -> None:
    with pytest.raises(IdentityError):
        identify(SIGNED, value)


def test_a_field_that_is_there_twice_names_nobody() -> None:
    with pytest.raises(IdentityError, match="two different fields"):
        identify(SIGNED, token(), token({"sub": "another"}))


def test_a_name_may_be_believed_as_it_is() -> None:
    users = Users("x-remote-user")
    assert identify(users, "ädä".encode()).name == "webui/ädä"
    for value in (b"\xff", b"a\x07", b" ", b"a" * 256):
        with pytest.raises(IdentityError):
            identify(users, value)


def test_a_request_for_nobody_is_refused_or_the_front_ends_own() -> None:
    with pytest.raises(IdentityError, match="for which user it asks, in the field 'x-openwebui-user-jwt'"):
        identify(SIGNED)
    with pytest.raises(IdentityError):
        identify(SIGNED, b"7f3", name="x-openwebui-user-id")
    assert identify(Users(secret=SECRET, required=False)) == FRONT


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(SIGNED)
    assert OPEN_WEBUI in repr(SIGNED)
