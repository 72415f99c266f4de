from __future__ import annotations

import msgspec
import pytest
from msgspec import Struct

from turnstream.providers.decode import lenient
from turnstream.providers.decode.lenient import Surrogates


class Inner(Struct):
    text: str | None = None
    number: int = 7


class Outer(Struct):
    name: str = ""
    inner: Inner | None = None
    several: list[Inner] | None = None
    raw: msgspec.Raw = msgspec.Raw()


_decode = lenient.decoder(Outer)


def decode(data: bytes) -> Outer:
    return _decode(data, Surrogates())


def test_what_fits_is_taken_as_it_is() -> None:
    assert decode(b'{"name":"a","inner":{"text":"b"}}') == Outer("a", Inner("b"))


def test_only_the_member_of_another_type_is_left_out() -> None:
    assert decode(b'{"name":null,"inner":{"text":5,"number":9}}') == Outer("", Inner(None, 9))


def test_only_the_misfit_of_a_list_is_left_out() -> None:
    assert decode(b'{"several":[{"text":"a"},5,{"text":[]}]}') == Outer(several=[Inner("a"), Inner()])


def test_raw_members_survive_a_misfit_beside_them() -> None:
    assert bytes(decode(b'{"name":1,"raw":{"a":[1]}}').raw) == b'{"a":[1]}'


def test_half_of_a_surrogate_pair_and_broken_utf_8_are_replaced() -> None:
    assert decode(b'{"name":"a\\ud83db"}') == Outer("a\ufffdb")
    assert decode(b'{"name":"a\xff"}') == Outer("a\ufffd")


@pytest.mark.parametrize("data", [b"[]", b"5", b"{", b"\xff", b""])
def test_what_is_no_object_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(data)
