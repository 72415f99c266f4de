"""JSON as bytes: written for any client, read from any vendor or model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar, overload

import msgspec

from turnstream import text

T = TypeVar("T")

_TOO_DEEP = "nested too deeply"
_ENCODER = msgspec.json.Encoder()

UNDECODABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What msgspec raises for bytes that it cannot decode."""


def encode(value: Any) -> bytes:
    """JSON without white space; characters beyond ASCII as they are; lone surrogates as U+FFFD."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _ENCODER.encode(text.join_surrogates_in(msgspec.to_builtins(value)))


def string(value: str) -> bytes:
    """The JSON string of ``value``; lone surrogates as U+FFFD."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _ENCODER.encode(text.join_surrogates(value))


def strings(values: Sequence[str]) -> list[bytes]:
    """Each as `string`, faster."""
    try:
        return _ENCODER.encode_lines(values).splitlines()  # JSON has no line feed of its own
    except UnicodeEncodeError:
        return [*map(string, values)]


def has_line_separators(value: str) -> bool:
    return "\u0085" in value or "\u2028" in value or "\u2029" in value


def escape_line_separators(encoded: bytes) -> bytes:
    """The same JSON with the line separators of Unicode escaped, for clients that take them for the end of a line of
    the event stream (all that read it with httpx's ``iter_lines``)."""
    encoded = encoded.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return encoded.replace(b"\xc2\x85", b"\\u0085")


@overload
def decode(data: bytes | str) -> Any: ...


@overload
def decode(data: bytes | str, kind: type[T]) -> T: ...


def decode(data: bytes | str, kind: Any = Any) -> Any:
    """The JSON value of that kind. Raises `ValueError` for anything else: what is not JSON, of another kind, not UTF-8,
    or nested too deeply."""
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def decode_leniently(data: bytes | str) -> Any:
    """Any JSON value. Bytes that are not UTF-8 and lone surrogates become U+FFFD; NaN and the infinities, which Python
    reads and JSON does not have, are refused. Raises `ValueError`, for a value that is nested too deeply too."""
    if isinstance(data, bytes):
        data = data.decode("utf-8", "replace")
    try:
        return text.join_surrogates_in(json.loads(data, parse_constant=_refuse_constant))
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def decode_object(data: str) -> dict[str, Any] | None:
    """The JSON object that ``data`` is; {} for nothing but white space, None for anything else."""
    try:
        return decode(data.strip() or "{}", dict[str, Any])
    except ValueError:
        pass
    try:
        value = decode_leniently(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
