"""A request's body: JSON, a form, parts, or text. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from turnstream.tools import serialization

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a member of a form is written (OpenAPI's Encoding Object); None is the default of its value's type."""

    content_type: str | None = None
    style: str | None = None
    explode: bool | None = None
    reserved: bool = False


_DEFAULT = Encoding()


def is_json(kind: str) -> bool:
    """``application/json``, ``…+json`` and the like; not what merely has JSON in it, as a stream of lines."""
    plain = kind.partition(";")[0].strip().lower()
    return plain in ("application/json", "text/json", "application/x-json", "*/*") or plain.endswith("+json")


def encode(value: Any, kind: str, encodings: Mapping[str, Encoding]) -> tuple[bytes, str]:
    """The bytes, and the content type with what it needs."""
    match kind.partition(";")[0].strip().lower():
        case "application/x-www-form-urlencoded":
            return serialization.query(_form(dict(value), encodings)).encode(), kind
        case "multipart/form-data":
            return _multipart(dict(value), encodings)
        case _ if is_json(kind):
            return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"), kind
        case _:
            return serialization.text(value).encode("utf-8", "replace"), kind


def _form(fields: Mapping[str, Any], encodings: Mapping[str, Encoding]) -> Iterator[tuple[str, str]]:
    """A member without a style of its own is JSON if it is an object (OpenAPI 3.0.3, Encoding Object, contentType)."""
    for name, value in fields.items():
        how = encodings.get(name, _DEFAULT)
        if value is None:
            continue
        if how.style is None and how.explode is None:
            items = value if isinstance(value, list) else [value]
            yield from ((name, serialization.text(item)) for item in items)
        else:
            style = how.style or "form"
            explode = style == "form" if how.explode is None else how.explode
            yield from serialization.in_query(name, value, style, explode, reserved=how.reserved)


def _multipart(fields: Mapping[str, Any], encodings: Mapping[str, Encoding]) -> tuple[bytes, str]:
    """RFC 7578. The boundary is a digest of what is between, so it does not occur there."""
    parts = [part for name, value in fields.items() for part in _parts(name, value, encodings.get(name, _DEFAULT))]
    boundary = sha256(json.dumps(parts).encode()).hexdigest()
    body = "".join(f"--{boundary}\r\n{head}\r\n\r\n{text}\r\n" for head, text in parts) + f"--{boundary}--\r\n"
    return body.encode("utf-8", "replace"), f"multipart/form-data; boundary={boundary}"


def _parts(name: str, value: Any, how: Encoding) -> Iterator[tuple[str, str]]:
    """One for each item of a list. An object's has its type: servers read parts by it."""
    for item in value if isinstance(value, list) else [value]:
        if item is None:
            continue
        kind = how.content_type or ("application/json" if isinstance(item, dict | list) else "")
        head = f'Content-Disposition: form-data; name="{serialization.encoded(name)}"'
        text = json.dumps(item, ensure_ascii=False) if kind and is_json(kind) else serialization.text(item)
        yield (f"{head}\r\nContent-Type: {kind}" if kind else head), text
