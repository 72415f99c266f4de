"""Arguments as they stand in a path, a query, a header or a cookie: the styles of OpenAPI 3 (sections on Parameter
Object and its style values).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

_SEPARATORS = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}


def text(value: Any) -> str:
    """One value, not encoded. ``true``, ``false`` and ``null`` as in JSON; what is nested as JSON."""
    match value:
        case str():
            return value
        case bool() | None:
            return json.dumps(value)
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case int() | float():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encoded(value: str) -> str:
    """Percent-encoded but for the unreserved characters of RFC 3986: nothing in it can end a segment or a value."""
    return quote(value.encode("utf-8", "replace"), safe="")


def in_path(name: str, value: Any, style: str = "simple", explode: bool = False) -> str:
    """``simple``, ``label`` and ``matrix``; encoded."""
    before, between = {"label": (".", "."), "matrix": (";", ";")}.get(style, ("", ","))
    if not explode:
        between = ","
    match value:
        case list() if style == "matrix" and explode:
            return "".join(f";{encoded(name)}={encoded(text(item))}" for item in value)
        case list():
            joined = between.join(encoded(text(item)) for item in value)
        case dict() if explode:
            joined = between.join(f"{encoded(key)}={encoded(text(item))}" for key, item in value.items())
            return before + joined
        case dict():
            joined = ",".join(f"{encoded(key)},{encoded(text(item))}" for key, item in value.items())
        case _:
            joined = encoded(text(value))
    return f";{encoded(name)}={joined}" if style == "matrix" else before + joined


def in_query(name: str, value: Any, style: str = "form", explode: bool = True) -> list[tuple[str, str]]:
    """Names and values, not encoded; ``form``, ``spaceDelimited``, ``pipeDelimited`` and ``deepObject``."""
    match value:
        case dict() if style == "deepObject":
            return list(_deep(name, value))
        case dict() if explode:
            return [pair for key, item in value.items() for pair in _repeated(key, item)]
        case dict():
            return [(name, ",".join(f"{key},{text(item)}" for key, item in value.items()))]
        case list() if explode and style != "deepObject":
            return list(_repeated(name, value))
        case list():
            return [(name, _SEPARATORS.get(style, ",").join(text(item) for item in value))]
        case _:
            return [(name, text(value))]


def _repeated(name: str, value: Any) -> Iterable[tuple[str, str]]:
    for item in value if isinstance(value, list) else [value]:
        yield name, text(item)


def _deep(name: str, value: Any) -> Iterable[tuple[str, str]]:
    """``filter[size][min]=1``; the specification leaves nesting open, servers read it like this."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _deep(f"{name}[{key}]", item)
    else:
        yield from _repeated(name, value)


def query(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs)


def in_header(value: Any, explode: bool = False) -> str:
    """``simple``, not encoded."""
    match value:
        case list():
            return ",".join(text(item) for item in value)
        case dict():
            return ",".join(f"{key}{'=' if explode else ','}{text(item)}" for key, item in value.items())
        case _:
            return text(value)
