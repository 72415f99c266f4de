"""From a key to who is behind it."""

from __future__ import annotations

import hashlib

import pytest

from turnstream.errors import ConfigurationError
from turnstream.identity import Key, Keys
from turnstream.identity.keys import check
from turnstream.requests import Principal


def test_a_named_key_is_its_principal() -> None:
    keys = Keys([Key("secret", "alice", frozenset({"helper"}))])
    assert keys.principal([b"secret"]) == Principal("alice", frozenset({"helper"}))


def test_a_text_is_a_principal_of_its_own_that_does_not_reveal_it() -> None:
    principal = Keys(["secret", "other"]).principal([b"secret"])
    assert principal == Principal(f"key_{hashlib.sha256(b'secret').hexdigest()[:12]}")


@pytest.mark.parametrize("shown", [[], [b""], [b"wrong"], [b"secre"], [b"secrets"]])
def test_another_key_is_nobody(shown: list[bytes]) -> None:
    assert Keys(["secret", ""]).principal(shown) is None


def test_the_first_key_that_is_known_counts() -> None:
    assert Keys([Key("a", "alice"), Key("b", "bob")]).principal([b"wrong", b"b", b"a"]) == Principal("bob")


def test_two_keys_may_be_one_principals() -> None:
    keys = Keys([Key("old", "alice"), Key("new", "alice")])
    assert keys.principal([b"old"]) == keys.principal([b"new"]) == Principal("alice")


def test_a_keys_representation_hides_it() -> None:
    assert "secret" not in repr(Key("secret", "alice"))


def test_a_key_for_an_agent_that_is_not_served_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="'alice' is for 'nobody', but no agent has that name"):
        check([Key("secret", "alice", frozenset({"helper", "nobody"}))], ["helper"])


def test_one_key_of_two_principals_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="'alice' and 'bob' have the same key"):
        check([Key("secret", "alice"), Key("secret", "bob")], [])
