"""Typed JSON that vendors do not always send as they should."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import msgspec

from turnstream.providers.halves import Halves

T = TypeVar("T")
_SURROGATES = re.compile("[\ud800-\udfff]")


def read(decoder: msgspec.json.Decoder[T], data: bytes, halves: Halves) -> T:
    """The value; lone surrogates and bytes that are no UTF-8 become U+FFFD. Raises `ValueError` for anything else."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        return msgspec.convert(loads(halves.joined(data)), decoder.type, strict=False)
    except (msgspec.MsgspecError, RecursionError, TypeError, OverflowError) as problem:
        raise ValueError(str(problem)) from None


def loads(data: bytes) -> Any:
    """Any JSON value, read as `read` reads it."""
    return _clean(json.loads(data.decode("utf-8", "replace")))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value
