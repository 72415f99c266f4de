from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from turnstream import jsontext

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
