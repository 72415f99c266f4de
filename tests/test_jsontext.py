from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from turnstream import errors, jsontext, messages
from turnstream.cli import printer
from turnstream.identity import jwks
from turnstream.parsing.text_calls import report
from turnstream.providers.access import google_token

texts = st.text(st.characters(codec=None, categories=None))


@given(texts)
def test_a_string_is_json_whatever_it_holds(value: str) -> None:
    assert json.loads(jsontext.string(value)) == value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@given(st.lists(texts))
def test_many_strings_are_each_as_one_would_be(values: list[str]) -> None:
    assert jsontext.strings(values) == [jsontext.string(value) for value in values]


@given(st.dictionaries(texts, texts))
def test_escaped_line_separators_read_the_same(value: dict[str, str]) -> None:
    encoded = jsontext.encode(value)
    escaped = jsontext.escape_line_separators(encoded)
    assert json.loads(escaped) == json.loads(encoded)
    assert not jsontext.has_line_separators(escaped.decode())


def test_an_object_is_read_in_spite_of_half_a_character_or_bad_bytes() -> None:
    assert jsontext.decode_object('{"a": "\\ud800b"}') == {"a": "\ufffdb"}
    assert jsontext.decode_leniently(b'{"a": "\xff"}') == {"a": "\ufffd"}
    assert jsontext.decode_object("  ") == {}


@pytest.mark.parametrize("data", ["[1]", '{"a": NaN}', "{", '"x"', "[" * 100_000, '{"a":' * 100_000])
def test_what_is_not_an_object_is_none(data: str) -> None:
    assert jsontext.decode_object(data) is None


@pytest.mark.parametrize("data", [b"[" * 100_000, b"{", b'"\xff"', b"[1]"])
def test_what_is_not_of_its_kind_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        jsontext.decode(data, dict[str, Any])


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (lambda: jwks._decode(DEEP.encode()), ValueError),
        (lambda: google_token.credentials(DEEP.encode()), errors.ConfigurationError),
        (lambda: report.tools_of(DEEP), ValueError),
    ],
)
def test_deep_json_is_refused_as_any_other_that_is_not_expected(
    read: Callable[[], object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        read()


def test_deep_arguments_are_shown_as_they_are() -> None:
    assert DEEP[:100] in printer.spell(messages.ToolCall("c", "f", DEEP))
