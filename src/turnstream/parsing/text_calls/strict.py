"""JSON text, read strictly."""

from __future__ import annotations

import json
from typing import Any


def _refuse(word: str) -> Any:
    raise ValueError(word)


_STRICT = json.JSONDecoder(parse_constant=_refuse)
_LENIENT = json.JSONDecoder(parse_constant=_refuse, strict=False)


def loads(text: str, *, raw_newlines: bool = False) -> Any:
    """The value of JSON text. Raises ValueError."""
    try:
        return (_LENIENT if raw_newlines else _STRICT).decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def is_object(text: str) -> bool:
    try:
        return isinstance(loads(text), dict)
    except ValueError:
        return False


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
