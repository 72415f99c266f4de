from __future__ import annotations

from urllib.parse import quote

from hypothesis import given, strategies as st

from turnstream import text

SECRET = 'sk-a/b+c d"e'


def test_halves_of_one_character_are_joined_and_a_half_alone_is_replaced() -> None:
    assert text.join_surrogates("a\ud83d\ude00b\ud83d") == "a😀b\ufffd"
    assert text.join_surrogates_in({"\ud83d": ["\ude00", 1]}) == {"\ufffd": ["\ufffd", 1]}


@given(st.text(), st.integers(1, 50))
def test_an_excerpt_is_never_longer_than_it_may_be(value: str, most: int) -> None:
    assert len(text.excerpt(value, most)) <= most
    assert text.excerpt(value, len(value) + 1) == value


@given(st.text(), st.text())
def test_a_secret_is_masked_in_each_encoding_that_texts_quote_it_in(before: str, after: str) -> None:
    redact = text.Redactor([SECRET]).redact
    for form in (SECRET, quote(SECRET, safe=""), "sk-a%2Fb%2Bc+d%22e", 'sk-a/b+c d\\"e'):
        assert form not in redact(f"{before}{form}{after}")


def test_secrets_are_masked_in_every_string_of_a_value() -> None:
    redact = text.Redactor(["secret-1", "secret-1-and-more"]).redact
    assert redact({"secret-1": ["x secret-1-and-more"], "n": (1, "secret-1")}) == {"***": ["x ***"], "n": (1, "***")}


def test_what_is_too_short_to_be_a_secret_is_left_alone() -> None:
    assert text.Redactor(["the", None, ""]).redact("the cat") == "the cat"
