"""Arguments as they stand in a path, a query, a header or a cookie: the styles of OpenAPI 3 (sections on Parameter
Object and its style values; RFC 6570).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, unquote

_SEPARATORS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}
_SLASHES = re.compile(r"[/\\]")
_RESERVED = ":/?[]@!$'()*,;"  # RFC 3986, but for what would end or split a value: # & + =


class Encoded(str):
    """A value of a query that is percent-encoded already: its delimiters are literal."""

    __slots__ = ()


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


def escape(value: str, safe: str = "") -> str:
    """Percent-encoded but for the unreserved characters of RFC 3986: nothing in it can end a segment or a value."""
    return quote(value.encode("utf-8", "replace"), safe=safe)


def has_dot_segment(path: str, decodings: int = 2) -> bool:
    """Whether a server or a proxy could read a step up or a step on the spot in it: gateways decode a path (some of
    them twice), take a backslash for a slash, or drop the parameters of a segment, and only then resolve the dots.
    """
    for _ in range(decodings + 1):
        if any(segment.partition(";")[0] in (".", "..") for segment in _SLASHES.split(path)):
            return True
        if path == (path := unquote(path)):
            return False
    return False


def texts(value: Any) -> Iterator[str]:
    """Each text that `in_path` writes for the value."""
    match value:
        case list():
            yield from map(text, value)
        case dict():
            yield from map(str, value)
            yield from map(text, value.values())
        case _:
            yield text(value)


def in_path(name: str, value: Any, style: str = "simple", explode: bool = False) -> str:
    """``simple``, ``label`` and ``matrix``; encoded."""
    before, between = {"label": (".", "."), "matrix": (";", ";")}.get(style, ("", ","))
    if not explode:
        between = ","
    match value:
        case list() if style == "matrix" and explode:
            return "".join(f";{escape(name)}={escape(text(item))}" for item in value)
        case list():
            joined = between.join(escape(text(item)) for item in value)
        case dict() if explode:
            joined = between.join(f"{escape(key)}={escape(text(item))}" for key, item in value.items())
            return before + joined
        case dict():
            joined = ",".join(f"{escape(key)},{escape(text(item))}" for key, item in value.items())
        case _:
            joined = escape(text(value))
    return f";{escape(name)}={joined}" if style == "matrix" else before + joined


def in_query(
    name: str, value: Any, style: str = "form", explode: bool = True, *, reserved: bool = False
) -> list[tuple[str, str]]:
    """Names and values; ``form``, ``spaceDelimited``, ``pipeDelimited`` and ``deepObject``. With ``reserved``, the
    reserved characters of values stay as they are. An empty list or object is nothing.
    """
    safe = _RESERVED if reserved else ""
    between = _SEPARATORS.get(style, ",")
    if value in ([], {}):
        return []
    match value:
        case dict() | list() if style == "deepObject":
            pairs = _deep(name, value, is_outermost=True)
        case dict() if explode:
            pairs = (pair for key, item in value.items() for pair in _repeat(key, item))
        case dict():
            return [(name, Encoded(between.join(escape(text(part), safe) for pair in value.items() for part in pair)))]
        case list() if explode:
            pairs = _repeat(name, value)
        case list():
            return [(name, Encoded(between.join(escape(text(item), safe) for item in value)))]
        case _:
            pairs = _repeat(name, value)
    return [(key, Encoded(escape(item, safe))) for key, item in pairs] if safe else list(pairs)


def _repeat(name: str, value: Any) -> Iterable[tuple[str, str]]:
    for item in value if isinstance(value, list) else [value]:
        yield name, text(item)


def _deep(name: str, value: Any, *, is_outermost: bool = False) -> Iterable[tuple[str, str]]:
    """``filter[size][min]=1``; the specification leaves nesting open, servers read it like this. The items of a list
    are numbered where their names must differ: they are objects, or the list is all there is."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _deep(f"{name}[{key}]", item)
    elif isinstance(value, list) and (is_outermost or any(isinstance(item, dict | list) for item in value)):
        for at, item in enumerate(value):
            yield from _deep(f"{name}[{at}]", item)
    else:
        yield from _repeat(name, value)


def query(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{escape(name)}={value if isinstance(value, Encoded) else escape(value)}" for name, value in pairs)


def in_header(value: Any, explode: bool = False) -> str:
    """``simple``, not encoded."""
    match value:
        case list():
            return ",".join(text(item) for item in value)
        case dict():
            return ",".join(f"{key}{'=' if explode else ','}{text(item)}" for key, item in value.items())
        case _:
            return text(value)
