"""A request's body: JSON, a form, parts, or text. No I/O."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from mimetypes import MimeTypes
from typing import Any

from turnstream import errors
from turnstream.tools import serialization

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_BYTES = "application/octet-stream"
_TYPES = MimeTypes()  # those that Python knows, on every machine the same
_QUOTED = {**dict.fromkeys(range(32), ""), ord('"'): "%22", 127: ""}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a member of a form is written (OpenAPI's Encoding Object); None is the default of its value's type.
    ``is_file``: its value is a file as `FILE` describes it, or a list of them."""

    content_type: str | None = None
    style: str | None = None
    explode: bool | None = None
    reserved: bool = False
    is_file: bool = False


FILE: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "filename": {"type": "string", "description": "Its name, with an ending that fits what is in it."},
        "content": {"type": "string", "description": "What is in it, as text."},
        "encoding": {"enum": ["text", "base64"], "description": "base64 where the content is that of bytes."},
    },
    "required": ["filename", "content"],
    "additionalProperties": False,
}
"""A file that a model writes, as a JSON Schema."""

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
    digest = sha256()
    for head, content in parts:
        digest.update(b"%d %d " % (len(head), len(content)) + head + content)
    boundary = digest.hexdigest()
    lines = b"".join(b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary.encode(), *part) for part in parts)
    return lines + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _parts(name: str, value: Any, how: Encoding) -> Iterator[tuple[bytes, bytes]]:
    """One for each item of a list. An object's has its type: servers read parts by it."""
    disposition = f'Content-Disposition: form-data; name="{serialization.escape(name)}"'
    for item in value if isinstance(value, list) else [value]:
        if item is None:
            continue
        if how.is_file:
            yield _file(disposition, dict(item), how.content_type)
            continue
        kind = how.content_type or ("application/json" if isinstance(item, dict | list) else "")
        text = json.dumps(item, ensure_ascii=False) if kind and is_json(kind) else serialization.text(item)
        yield _head(disposition, kind), text.encode("utf-8", "replace")


def _head(disposition: str, kind: str) -> bytes:
    return (f"{disposition}\r\nContent-Type: {kind}" if kind else disposition).encode("utf-8", "replace")


def _file(disposition: str, file: Mapping[str, Any], kind: str | None) -> tuple[bytes, bytes]:
    """With its name, and with its type by the ending of that, if the document does not say another. Raises
    `ToolError`."""
    name = re.split(r"[/\\]", str(file["filename"]))[-1].translate(_QUOTED) or "file"
    if file.get("encoding") == "base64":
        try:
            content = base64.b64decode("".join(str(file["content"]).split()), validate=True)
        except ValueError:
            raise errors.ToolError(f"The content of the file {name!r} is not base64.") from None
    else:
        content = str(file["content"]).encode("utf-8", "replace")
    kind = kind or _TYPES.guess_type(name)[0] or ("text/plain" if file.get("encoding") != "base64" else _BYTES)
    return _head(f'{disposition}; filename="{name}"', kind), content
