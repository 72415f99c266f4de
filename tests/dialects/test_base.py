"""The helper of the hot path."""

from __future__ import annotations

from turnstream.dialects.base import texts_of
from turnstream.events import ReasoningDelta, TextDelta


def test_only_a_batch_of_nothing_but_text_has_texts() -> None:
    assert texts_of([TextDelta("a"), TextDelta("b")]) == ["a", "b"]
    assert texts_of([TextDelta("a"), ReasoningDelta("b")]) is None
    assert texts_of([TextDelta("a"), TextDelta("")]) is None
    assert texts_of([]) is None
