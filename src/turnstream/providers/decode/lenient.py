"""JSON as vendors do send it, read leniently: what is at fault is left out, and the answer goes on.

A number for a string, a null for a list, half of a surrogate pair, bytes that are not UTF-8. A strict decoder is asked
first, so a document that is as it should be costs nothing more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct

from turnstream import jsontext, text

_ENDS = re.compile(rb'(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2})(?=")')
_BEGINS = re.compile(rb'(?<!\\)"(?=\\u[dD][c-fC-F][0-9a-fA-F]{2})')


class Surrogates:
    """For documents that a strict decoder has refused, in their order. Where a string ends with a first half, that half
    is kept for the string that begins with the second; without one it was no character."""

    def __init__(self) -> None:
        self._kept = b""

    def join(self, data: bytes) -> bytes:
        """The document, with what was kept and without what is kept from now on. Other surrogates stay."""
        if self._kept:
            data = _BEGINS.sub(lambda quote: quote[0] + self._kept, data)
        found = _ENDS.findall(data)
        self._kept = found[-1][1] if found else b""
        return _ENDS.sub(rb"\1", data) if found else data


T = TypeVar("T")


def read(decoder: msgspec.json.Decoder[T], data: bytes, surrogates: Surrogates) -> T:
    """The value; lone surrogates and bytes that are not UTF-8 become U+FFFD. Raises `ValueError` for anything else."""
    try:
        return decoder.decode(data)
    except jsontext.UNDECODABLE:
        pass
    try:
        return msgspec.convert(loads(surrogates.join(data)), decoder.type, strict=False)
    except (msgspec.MsgspecError, RecursionError, TypeError, OverflowError) as problem:
        raise ValueError(str(problem)) from None


def loads(data: bytes) -> Any:
    """Any JSON value, read as `read` reads it."""
    return text.join_surrogates_in(json.loads(data.decode("utf-8", "replace")))


S = TypeVar("S", bound=Struct)


def decoder(kind: type[S]) -> Callable[[bytes, Surrogates], S]:
    """Raises `msgspec.DecodeError` for what is not a JSON object. Every member of ``kind`` must have a default."""
    strict = msgspec.json.Decoder(kind).decode

    def decode(data: bytes, surrogates: Surrogates) -> S:
        try:
            return strict(data)
        except (msgspec.DecodeError, UnicodeError) as error:
            try:
                value = loads(surrogates.join(data))
            except ValueError:
                value = None
            if not isinstance(value, dict):
                raise msgspec.DecodeError(str(error)) from None
            return fit(kind, value)

    return decode


def fit(kind: type[S], value: dict[str, Any]) -> S:
    result = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in value:
            fits, member = _member(field.type, value[field.encode_name])
            if fits:
                result[field.name] = member
    return kind(**result)


def _member(wanted: Any, value: Any) -> tuple[bool, Any]:
    if wanted is msgspec.Raw:
        return True, msgspec.Raw(msgspec.json.encode(value))
    try:
        return True, msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        pass
    for kind in get_args(wanted) or (wanted,):
        if isinstance(kind, type) and issubclass(kind, Struct) and isinstance(value, dict):
            return True, fit(kind, value)
        if get_origin(kind) is list and isinstance(value, (list, dict)):  # one of them for a list of one
            members = [_member(get_args(kind)[0], item) for item in (value if isinstance(value, list) else [value])]
            return True, [member for fits, member in members if fits]
    return False, None
