from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.events import ProtocolError
from turnstream.parsing import answers
from turnstream.parsing.sse import Event


def read(*pieces: bytes, max_size: int = 10_000) -> tuple[list[Event], bytes | None, str | None]:
    decoder, events = answers.Decoder(max_size), list[Event]()
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        events += decoder.close()
    except ProtocolError as error:
        return events, None, error.message
    return events, decoder.document, None


def test_an_event_stream_is_one_whatever_blanks_are_ahead_of_it() -> None:
    assert read(b"\xef\xbb\xbf \r\n\n: hi\n\ndata: a\n\n") == ([Event(b"a")], None, None)


def test_json_is_kept_whole_for_the_provider_to_look_into() -> None:
    assert read(b' \n{"a":\n', b"\n1}") == ([], b'{"a":\n\n1}', None)


def test_lines_of_json_are_events_as_they_come() -> None:
    decoder = answers.Decoder()
    assert [decoder.feed(line) for line in (b'{"a":1}\n', b'{"a":2}\n', b"data: [DONE]\n")] == [
        [],
        [Event(b'{"a":1}'), Event(b'{"a":2}')],
        [Event(b"[DONE]")],
    ]


def test_one_line_of_json_is_a_document() -> None:
    assert read(b'{"a":1}\n', b"\n") == ([], b'{"a":1}\n\n', None)


def test_an_endless_line_is_refused_and_endless_lines_are_not() -> None:
    assert "more than 20 bytes" in (read(b'{"a":1}\n{"a":1}\n{', b" " * 20, max_size=20)[2] or "")
    assert len(read(*[b'{"a":1}\n'] * 50, max_size=20)[0]) == 50


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty body"),
        (b"\r\n ", "empty body"),
        (b"<html>", "a page"),
        (b"no healthy upstream", "not an event stream"),
    ],
)
def test_what_is_neither_is_an_error_on_close(body: bytes, said: str) -> None:
    assert said in (read(body)[2] or "")


def test_an_endless_document_is_refused() -> None:
    assert "more than 100 bytes" in (read(b"{" + b" " * 99, b" ", max_size=100)[2] or "")


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [b"\n", b" ", b"\xef\xbb\xbf", b"data: a\n\n", b"{", b"<", b": c\n", b"x\n", b'{"a":1}', b'{"a":"2"}\n']
        ),
        max_size=9,
    ),
    st.integers(1, 5),
)
def test_how_the_bytes_are_cut_never_matters(parts: list[bytes], size: int) -> None:
    body = b"".join(parts)
    assert read(*(body[at : at + size] for at in range(0, len(body), size))) == read(body)
