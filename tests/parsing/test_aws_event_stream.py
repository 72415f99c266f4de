from __future__ import annotations

import random
import struct
import zlib

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.events import ProtocolError
from turnstream.parsing import aws_event_stream
from turnstream.parsing.aws_event_stream import Message


def message(payload: bytes, headers: bytes = b"") -> bytes:
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def string(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


def decoded(*pieces: bytes, limit: int = 1000) -> list[Message]:
    decoder = aws_event_stream.Decoder(limit)
    return [found for piece in pieces for found in decoder.feed(piece)] + decoder.close()


def test_a_message_has_headers_and_a_payload() -> None:
    assert decoded(message(b"{}", string(":event-type", "chunk"))) == [Message({":event-type": "chunk"}, b"{}")]


def test_the_message_without_headers_and_payload_of_the_specification_is_one() -> None:
    assert decoded(bytes.fromhex("000000100000000005c248eb7d98c8ff")) == [Message({}, b"")]


def test_headers_of_every_type_are_read() -> None:
    headers = (
        b"\x01t\x00\x01f\x01\x01b\x02\xff\x01s\x03\xff\xfe\x01i\x04\x00\x00\x00\x05\x01l\x05"
        + b"\x00" * 7
        + b"\x06\x01y\x06\x00\x02hi\x01d\x08"
        + b"\x00" * 7
        + b"\x09\x01u\x09"
        + b"u" * 16
    )
    expected = {"t": True, "f": False, "b": -1, "s": -2, "i": 5, "l": 6, "y": b"hi", "d": 9, "u": b"u" * 16}
    assert decoded(message(b"x", headers)) == [Message(expected, b"x")]


@given(st.lists(st.binary(max_size=40), max_size=5), st.data())
@settings(deadline=None, max_examples=60)
def test_where_a_stream_is_cut_never_matters(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(message(payload, string("n", "v")) for payload in payloads)
    at = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[start:end] for start, end in zip([0, *at], [*at, len(stream)], strict=True)]
    assert decoded(*pieces) == decoded(stream) == [Message({"n": "v"}, payload) for payload in payloads]


@pytest.mark.parametrize("at", range(len(message(b"payload", string("n", "v")))))
def test_a_flipped_bit_anywhere_is_an_error_or_an_unfinished_message(at: int) -> None:
    stream = bytearray(message(b"payload", string("n", "v")))
    stream[at] ^= 1
    with pytest.raises(ProtocolError):
        decoded(bytes(stream))


def test_an_error_never_swallows_the_messages_ahead_of_it() -> None:
    decoder = aws_event_stream.Decoder()
    assert decoder.feed(message(b"good") + b"\0" * 20) == [Message({}, b"good")]
    with pytest.raises(ProtocolError):
        decoder.feed(b"")


def test_a_message_above_the_limit_is_refused_as_soon_as_it_says_so() -> None:
    decoder = aws_event_stream.Decoder(100)
    with pytest.raises(ProtocolError):
        decoder.feed(message(b"x" * 101)[:12])


def test_an_unfinished_message_is_never_given() -> None:
    assert decoded(message(b"whole") + message(b"torn")[:-1]) == [Message({}, b"whole")]


def test_headers_that_point_outside_of_themselves_are_refused() -> None:
    for headers in (b"\x05ab", b"\x01n\x07\xff\xff", b"\x01n\x04\x00", b"\x01n\x0a", b"\x01\xff\x00"):
        with pytest.raises(ProtocolError):
            decoded(message(b"", headers))


def test_noise_raises_nothing_but_the_declared_error() -> None:
    draw = random.Random(7)
    for _ in range(500):
        stream = bytearray(message(draw.randbytes(20), string("n", "v")) * 2)
        for _ in range(draw.randint(1, 4)):
            stream[draw.randrange(len(stream))] = draw.randrange(256)
        try:
            decoded(bytes(stream))
        except ProtocolError:
            pass


def test_a_big_message_in_small_pieces_is_linear() -> None:
    stream = message(b"x" * 2_000_000)
    decoder = aws_event_stream.Decoder(3_000_000)
    found = [one for at in range(0, len(stream), 100) for one in decoder.feed(stream[at : at + 100])]
    assert len(found) == 1
