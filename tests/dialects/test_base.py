"""The helpers of the hot path give what the plain ones give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from turnstream.dialects.base import string, strings, texts_of
from turnstream.events import ReasoningDelta, TextDelta

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates, line feeds and quotes among it


@given(st.lists(ANY_TEXT))
def test_many_strings_at_once_are_the_same_as_one_by_one(texts: list[str]) -> None:
    assert strings(texts) == [string(text) for text in texts]


def test_a_string_with_line_ends_and_quotes_stays_one() -> None:
    assert strings(['a\n","\r\n', "\u2028\x85"]) == [b'"a\\n\\",\\"\\r\\n"', '"\u2028\x85"'.encode()]


def test_only_a_batch_of_nothing_but_text_has_texts() -> None:
    assert texts_of([TextDelta("a"), TextDelta("b")]) == ["a", "b"]
    assert texts_of([TextDelta("a"), ReasoningDelta("b")]) is None
    assert texts_of([TextDelta("a"), TextDelta("")]) is None
    assert texts_of([]) is None
