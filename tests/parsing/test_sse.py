from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.events import ProtocolError
from turnstream.parsing import sse
from turnstream.parsing.sse import Event


def decoded(*pieces: bytes) -> list[Event]:
    decoder = sse.Decoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def feed(decoder: sse.Decoder, pieces: Iterable[bytes], into: list[Event]) -> None:
    for piece in pieces:
        into += decoder.feed(piece)
    into += decoder.close()


# The examples of WHATWG HTML 9.2.6, "Interpreting an event stream"


def test_the_standards_example_of_three_lines_is_one_event() -> None:
    assert decoded(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [Event(b"YHOO\n+2\n10")]


def test_the_standards_example_of_comments_and_ids() -> None:
    stream = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    assert decoded(stream) == [Event(b"first event", "", "1"), Event(b"second event"), Event(b" third event")]


def test_the_standards_example_of_data_without_a_value_is_an_empty_event() -> None:
    decoder = sse.Decoder()
    assert decoder.feed(b"data\n\ndata\ndata\n\ndata:") == [Event(b""), Event(b"\n")]


def test_the_standards_example_that_one_space_is_optional() -> None:
    assert decoded(b"data:test\n\ndata: test\n\n") == [Event(b"test"), Event(b"test")]


def test_an_id_stays_until_another_and_one_with_nul_is_ignored() -> None:
    stream = b"id: 7\ndata: a\n\nid: x\0y\ndata: b\n\ndata: c\n\nid: 8\n\ndata: d\n\n"
    assert [event.id for event in decoded(stream)] == ["7", "7", "7", "8"]


def test_an_event_name_lasts_for_its_own_event_only() -> None:
    stream = b"event: error\ndata: a\n\nevent: ping\n\ndata: b\n\n"
    assert decoded(stream) == [Event(b"a", "error"), Event(b"b")]


def test_retry_is_kept_if_it_is_digits_only() -> None:
    decoder = sse.Decoder()
    decoder.feed(b"retry: 3000\n\nretry: 5x\n\nretry: -1\n\n")
    assert decoder.retry == 3000


def test_unknown_fields_and_lines_without_a_colon_are_ignored() -> None:
    assert decoded(b"p: abc\ndata: x\nnonsense\nDATA: y\n data: z\n\n") == [Event(b"x")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_each_of_the_three_line_ends_closes_lines_and_events(end: bytes) -> None:
    lines = [b"event: a", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""]
    assert decoded(end.join(lines)) == [Event(b"1\n2", "a"), Event(b"3")]


def test_mixed_line_ends_are_each_one_line_end() -> None:
    assert decoded(b"data: 1\r\ndata: 2\rdata: 3\n\r\ndata: 4\r\r\n") == [Event(b"1\n2\n3"), Event(b"4")]


def test_a_carriage_return_at_the_end_of_a_piece_completes_the_event_at_once() -> None:
    decoder = sse.Decoder()
    assert decoder.feed(b"data: x\r\r") == [Event(b"x")]
    assert decoder.feed(b"\ndata: y\r\n\r") == [Event(b"y")]
    assert decoder.feed(b"\n") == decoder.close() == []


def test_one_byte_order_mark_is_dropped_however_it_is_cut() -> None:
    stream = b"\xef\xbb\xbfdata: x\n\ndata: \xef\xbb\xbf\n\n"
    for cut in range(len(stream)):
        assert decoded(stream[:cut], stream[cut:]) == [Event(b"x"), Event(b"\xef\xbb\xbf")]


def test_bytes_that_only_began_as_a_byte_order_mark_are_kept() -> None:
    assert decoded(b"\xef", b"\xbb", b"data: x\n\ndata: y\n\n") == [Event(b"y")]
    assert decoded(b"\xef\xbb") == []


def test_blank_lines_and_comments_between_events_are_nothing() -> None:
    assert decoded(b"\n\n\n: hi\n\n\n\n:\ndata: x\n\n\n\n\ndata: y\n\n\n") == [Event(b"x"), Event(b"y")]


def test_close_gives_the_event_that_no_blank_line_closed() -> None:
    for tail in (b"", b"\n", b"\r", b"\r\n"):
        decoder = sse.Decoder()
        assert decoder.feed(b"data: x\n\ndata: [DONE]" + tail) == [Event(b"x")]
        assert decoder.close() == [Event(b"[DONE]")]
        assert decoder.close() == []


def test_a_line_named_error_is_an_event_if_its_block_has_no_data() -> None:
    assert decoded(b'error: {"detail":1}\n\ndata: x\nerror: y\n\n') == [Event(b'{"detail":1}', "error"), Event(b"x")]


def test_an_event_above_the_limit_is_an_error_after_the_events_ahead_of_it() -> None:
    stream = b"data: 1\n\ndata: " + b"x" * 100 + b"\n\ndata: 2\n\n"
    for size in (1, 7, 50, 1000):
        decoder, events = sse.Decoder(max_event=64), list[Event]()
        with pytest.raises(ProtocolError, match="more than 64 bytes"):
            feed(decoder, (stream[at : at + size] for at in range(0, len(stream), size)), events)
        assert events == [Event(b"1")]


def test_an_endless_event_is_an_error_and_is_not_kept() -> None:
    decoder = sse.Decoder()
    with pytest.raises(ProtocolError, match="more than"):
        feed(decoder, (b"x" * 1_000_000 for _ in range(17)), [])


LINES = st.sampled_from(
    [
        b"data: a",
        b"data:b",
        b"data",
        b"data: ",
        b"event: e",
        b"id: 1",
        b"id",
        b": c",
        b"",
        b"error: z",
        b"retry: 1",
        b"x",
    ]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=30).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([b"", b"\xef\xbb\xbf"]), STREAMS, st.lists(st.integers(0, 300), max_size=12))
def test_how_the_bytes_are_cut_never_matters(mark: bytes, stream: bytes, cuts: list[int]) -> None:
    stream = mark + stream
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    whole = decoded(stream)
    assert decoded(*(stream[a:b] for a, b in pairwise(edges))) == whole
    assert decoded(*(bytes([byte]) for byte in stream)) == whole


@settings(deadline=None, max_examples=200)
@given(STREAMS)
def test_it_agrees_with_a_reading_of_the_standard_line_by_line(stream: bytes) -> None:
    assert decoded(stream) == list(by_the_standard(stream))


def by_the_standard(stream: bytes) -> list[Event]:
    """Section 9.2.6 word by word, plus the two deviations."""
    events, data, failure, kind, ident = [], list[bytes](), None, "", ""
    text = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for line in [*text.split(b"\n"), b""]:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ") if value.startswith(b" ") else value
        if not line:
            if data or failure is not None:
                events.append(Event(b"\n".join(data) if data else failure or b"", kind if data else "error", ident))
            data, failure, kind = [], None, ""
        elif name == b"data":
            data.append(value)
        elif name == b"event":
            kind = value.decode()
        elif name == b"id":
            ident = value.decode()
        elif name == b"error":
            failure = value
    return events


def test_random_bytes_raise_nothing() -> None:
    rng = random.Random(7)
    for _ in range(300):
        noise = bytes(rng.choice(b"\r\n\0: dateivnr\xef\xbb\xbf\xff\xed\xa0") for _ in range(rng.randrange(200)))
        cut = rng.randrange(len(noise) + 1)
        assert decoded(noise) == decoded(noise[:cut], noise[cut:])
