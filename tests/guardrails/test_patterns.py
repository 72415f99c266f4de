from __future__ import annotations

import time
from contextlib import suppress

import pytest

from turnstream import errors
from turnstream.guardrails import patterns, texts
from turnstream.guardrails.matching import Pattern, PatternRule


def masked(pattern: Pattern, text: str) -> str:
    return PatternRule("rule", pattern, "#").apply(text)


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-api03-" + "a" * 40,
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a1" * 18,
        "glpat-" + "a" * 20,
        "xoxb-1234567890-abc",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQ==\n-----END PRIVATE KEY-----",
    ],
)
def test_a_secret_of_a_known_form_is_found(secret: str) -> None:
    assert masked(patterns.find_secrets(), f"It is {secret}, keep it.") == "It is #, keep it."


@pytest.mark.parametrize(
    "text", ["task-force-and-more-of-it-all-of-it", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "sk-short"]
)
def test_what_has_no_form_of_a_secret_is_left(text: str) -> None:
    assert masked(patterns.find_secrets(), text) == text


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "5500-0000-0000-0004",
        "3400 000000 00009",
        "x4111111111111111y",
        "4111\u00a01111\u202f1111\u20111111",
        "4111\u20131111\u20131111\u20131111",
    ],
)
def test_a_card_number_with_the_right_check_digit_is_found(text: str) -> None:
    assert "#" in masked(patterns.find_cards(), text)


@pytest.mark.parametrize(
    "text", ["4111111111111112", "0000 0000 0000 0000", "41111111111111111111111", "2026-11-30 14:00"]
)
def test_other_digits_are_left(text: str) -> None:
    assert masked(patterns.find_cards(), text) == text


def test_a_card_number_beside_another_number_is_found() -> None:
    assert masked(patterns.find_cards(), "1234 4111 1111 1111 1111 43") == "1234 # 43"


@pytest.mark.parametrize("address", ["jane.doe@example.co.uk", "a+b@x-y.org", "o'neil@example.com"])
def test_an_address_is_found_and_the_full_stop_after_it_left(address: str) -> None:
    assert masked(patterns.find_emails(), f"Write to {address}.") == "Write to #."


def test_words_are_whole_words_of_any_script_in_any_case() -> None:
    pattern = patterns.find_words(["für", "foo", "секрет", "two words"])
    assert masked(pattern, "FÜR fürs foo-food Секрет! two  words") == "# fürs #-food #! #"


@pytest.mark.parametrize(
    ("word", "text", "shown"),
    [
        ("ΟΔΟΣ", "οδος οδοσ", "# #"),
        ("secret", "\u017fecret SECRET", "# #"),  # an old s
        ("caf\u00e9", "cafe\u0301 CAF\u00c9 cafe\u0301s", "# # cafe\u0301s"),
        ("cafe\u0301", "caf\u00e9", "#"),
    ],
)
def test_a_word_is_found_however_its_letters_are_written(word: str, text: str, shown: str) -> None:
    assert masked(patterns.find_words([word]), text) == shown


@pytest.mark.parametrize("piece", ["4", "4-", "4111 1111 1111 1112 ", "sk-", "a@", "eyJ", "-----BEGIN ", "e\u0301"])
@pytest.mark.parametrize("name", patterns.NAMED)
def test_what_is_repeated_takes_time_in_proportion(name: str, piece: str) -> None:
    rule = PatternRule(name, patterns.NAMED[name](), "#")
    stream, began = rule.open(), time.process_time()
    with suppress(texts.StoppedError):
        for _ in range(20):
            stream.feed(piece * 1000)
    assert time.process_time() - began < 5


def test_several_expressions_keep_their_own_flags() -> None:
    pattern = patterns.find_expressions(["(?i)abc", "x{2}"])
    assert masked(pattern, "ABC abc xx XX") == "# # # XX"


def test_an_empty_word_is_refused() -> None:
    with pytest.raises(errors.ConfigurationError, match="a word is empty"):
        patterns.find_words(["fine", " "])
