"""What a request shows of who sends it."""

from __future__ import annotations

import pytest

from turnstream.identity.credentials import LONGEST, Credentials, IdentityError, read


@pytest.mark.parametrize(
    ("fields", "keys", "bearer"),
    [
        ([], (), None),
        ([(b"authorization", b"Bearer  k ")], (b"k",), b"k"),
        ([(b"authorization", b"BEARER k")], (b"k",), b"k"),
        ([(b"authorization", b"Basic k")], (), None),
        ([(b"authorization", b"k")], (), None),
        ([(b"authorization", b"Bearer a, Bearer b")], (b"a, Bearer b",), b"a, Bearer b"),
        ([(b"x-api-key", b"k"), (b"api-key", b"l")], (b"k", b"l"), None),
        ([(b"x-api-key", b"k"), (b"x-api-key", b"k")], (b"k",), None),
        ([(b"x_api_key", b"k"), (b"x-api-key ", b"k"), (b"proxy-authorization", b"Bearer k")], (), None),
        ([(b"x-api-key", b"k" * (LONGEST + 1))], (), None),
        ([(b"x-api-key", "schlüssel".encode())], ("schlüssel".encode(),), None),
    ],
    ids=range(11),
)
def test_keys_are_read_from_three_fields(
    fields: list[tuple[bytes, bytes]], keys: tuple[bytes, ...], bearer: bytes | None
) -> None:
    assert read(fields) == Credentials(keys, bearer)


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"api-key"])
def test_a_field_that_is_there_twice_says_nothing(name: bytes) -> None:
    with pytest.raises(IdentityError, match="two different fields"):
        read([(name, b"Bearer a"), (b"host", b"h"), (name, b"Bearer b")])
