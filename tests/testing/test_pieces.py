from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.events import Finish, ModelEvent, ReasoningDelta, TextDelta, ToolCallDelta
from turnstream.parsing import sse
from turnstream.testing import cut, cuts, decode, joined


def test_data_is_cut_into_pieces_of_a_size_or_at_positions() -> None:
    assert cut(b"abcde", 2) == [b"ab", b"cd", b"e"]
    assert cut("abcde", [4, 1, 1, 0, 9, -1]) == ["a", "bcd", "e"]
    assert cut(b"", 3) == []
    assert cut("", ()) == []
    with pytest.raises(ValueError, match="at least 1 byte"):
        cut(b"a", 0)


@settings(deadline=None, max_examples=50)
@given(st.data(), st.binary(max_size=30))
def test_a_cut_loses_nothing_and_has_no_empty_piece(data: st.DataObject, whole: bytes) -> None:
    pieces = data.draw(cuts(whole))
    assert b"".join(pieces) == whole
    assert all(pieces)


@settings(deadline=None, max_examples=50)
@given(cuts(b"data: a\n\nevent: x\r\ndata: b\r\n\r\n"))
def test_a_machine_is_fed_and_closed(pieces: list[bytes]) -> None:
    assert [event.data for event in decode(sse.Decoder(), pieces)] == [b"a", b"b"]


def test_neighbouring_deltas_are_joined_and_others_stay_apart() -> None:
    said: list[ModelEvent] = [TextDelta("a"), TextDelta("b"), ReasoningDelta("c"), TextDelta("d"), Finish("stop")]
    assert joined(said) == [TextDelta("ab"), ReasoningDelta("c"), TextDelta("d"), Finish("stop")]
    calls = [ToolCallDelta(0, "{"), ToolCallDelta(0, "}"), ToolCallDelta(1, "x")]
    assert joined(calls) == [ToolCallDelta(0, "{}"), ToolCallDelta(1, "x")]
