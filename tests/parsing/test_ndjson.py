from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.events import ProtocolError
from turnstream.parsing import ndjson


def decoded(*pieces: bytes, max_line: int = 1000) -> list[bytes]:
    decoder = ndjson.Decoder(max_line)
    return [line for piece in pieces for line in decoder.feed(piece)] + decoder.close()


def test_lines_come_without_their_ends_and_blank_ones_not_at_all() -> None:
    assert decoded(b'{"a":1}\r\n\n  \n {"b":2}\n{"c"') == [b'{"a":1}', b'{"b":2}', b'{"c"']


def test_a_line_is_given_as_soon_as_it_ends() -> None:
    decoder = ndjson.Decoder()
    assert decoder.feed(b'{"a":') == []
    assert decoder.feed(b'1}\n{"b"') == [b'{"a":1}']


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from([b"\n", b"\r\n", b"{}", b" ", b"abc"]), max_size=30).map(b"".join), st.integers(1, 9))
def test_how_the_bytes_are_cut_never_matters(stream: bytes, size: int) -> None:
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert decoded(*pieces) == decoded(stream)


@pytest.mark.parametrize("size", [1, 5, 100])
def test_a_line_above_the_limit_is_an_error_after_the_lines_ahead_of_it(size: int) -> None:
    stream = b"one\n" + b"x" * 30 + b"\ntwo\n"
    decoder, lines = ndjson.Decoder(max_line=20), list[bytes]()

    def feed() -> None:
        for at in range(0, len(stream), size):
            lines.extend(decoder.feed(stream[at : at + size]))
        decoder.close()

    with pytest.raises(ProtocolError, match="more than 20 bytes"):
        feed()
    assert lines == [b"one"]
