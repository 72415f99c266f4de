"""Which of an operation's bodies is sent, and how its members are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from turnstream import errors
from turnstream.tools import bodies
from turnstream.tools.openapi.document import Document

_TEXT_ENDINGS = ("xml", "yaml")


@dataclass(frozen=True, slots=True)
class Body:
    """``content_type`` is "" for none. ``schema`` is the document's own."""

    content_type: str
    schema: Any
    encodings: Mapping[str, bodies.Encoding] = field(default_factory=dict)

    @classmethod
    def read(cls, body: dict[str, Any], document: Document, resolver: Any) -> Body:
        """JSON if it may be JSON; else a form; else a text. Raises `ConfigurationError` for a file, or what would have
        to be written as no model is shown how (an object as XML)."""
        content = body.get("content")
        if not isinstance(content, dict) or not content:
            return cls("", {})
        kind = _prefer(content)
        media = content[kind] if isinstance(content[kind], dict) else {}
        schema, inside = document.follow(media.get("schema", {}), resolver)
        if kind in (bodies.FORM, bodies.MULTIPART):
            schema, files = _with_files(schema, document, inside, can_send=kind == bodies.MULTIPART)
            return cls(kind, schema, _encodings(media, files))
        if _is_file(schema):
            raise errors.ConfigurationError(f"its body is a file ({kind})")
        if not bodies.is_json(kind) and not _is_text(schema):
            raise errors.ConfigurationError(f"its body is {kind} with a structure")
        return cls(kind, media.get("schema", {}))


def _prefer(content: Mapping[str, Any]) -> str:
    kinds = [kind for kind in content if isinstance(kind, str)]
    plain = {kind: kind.partition(";")[0].strip().lower() for kind in kinds}
    kind = next((one for one in kinds if bodies.is_json(one)), None)
    kind = kind or next((form for form in (bodies.FORM, bodies.MULTIPART) if form in kinds), None)
    kind = kind or next((one for one in kinds if _is_text_kind(plain[one])), None)
    if kind is None:
        raise errors.ConfigurationError(f"its body is {next(iter(content))}")
    return kind


def _is_text_kind(kind: str) -> bool:
    return kind.startswith("text/") or kind.endswith(_TEXT_ENDINGS) or "json" in kind


def _is_text(schema: Any) -> bool:
    """A schema that says nothing is one of a text."""
    types = schema.get("type") if isinstance(schema, dict) else None
    is_structured = isinstance(schema, dict) and bool(
        schema.keys() & {"properties", "items", "allOf", "oneOf", "anyOf"}
    )
    return types in ("string", ["string", "null"]) or (types is None and not is_structured)


def _is_file(schema: Any) -> bool:
    """3.0 says so by ``format``, 3.1 by the media type or the encoding of the text."""
    if not isinstance(schema, dict):
        return False
    if schema.get("format") == "binary" or schema.get("contentEncoding"):
        return True
    kind = schema.get("contentMediaType")
    return isinstance(kind, str) and not (bodies.is_json(kind) or _is_text_kind(kind))


def _with_files(
    schema: Any, document: Document, resolver: Any, *, can_send: bool
) -> tuple[Any, Mapping[str, str | None]]:
    """The schema with an argument for each file that the server needs, and the names of these files with their types.
    Other files are left out: a model rarely has one to give. Raises `ConfigurationError` for a needed file that cannot
    be sent."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return schema, {}
    files = {name: file for name, one in properties.items() if (file := _file_of(one, document, resolver)) is not None}
    required = schema.get("required") if isinstance(schema.get("required"), list) else []
    needed = {name: file for name, file in files.items() if name in required}
    for name, file in needed.items():
        if not can_send or file.get("contentEncoding"):
            raise errors.ConfigurationError(f"its body needs a file ({name})")
    shown = {
        name: _file_argument(one, document, resolver) if name in needed else one
        for name, one in properties.items()
        if name in needed or name not in files
    }
    types = {str(name): _type_of(file) for name, file in needed.items()}
    return ({**schema, "properties": shown} if files else schema), types


def _type_of(file: Mapping[str, Any]) -> str | None:
    return _first_type(file.get("contentMediaType"), is_file=True)


def _file_argument(schema: Any, document: Document, resolver: Any) -> dict[str, Any]:
    target, _ = document.follow(schema, resolver)
    one = {**bodies.FILE, **({"description": target["description"]} if target.get("description") else {})}
    return one if _is_file(target) else {"type": "array", "items": bodies.FILE, **_keep(target)}


def _keep(target: Mapping[str, Any]) -> dict[str, Any]:
    return {key: target[key] for key in ("description", "minItems", "maxItems") if key in target}


def _file_of(schema: Any, document: Document, resolver: Any) -> dict[str, Any] | None:
    """The schema of a file, or of the files in a list."""
    target, inside = document.follow(schema, resolver)
    if isinstance(target, dict) and isinstance(target.get("items"), dict):
        target = document.follow(target["items"], inside)[0]
    return target if _is_file(target) else None


def _encodings(media: Mapping[str, Any], files: Mapping[str, str | None]) -> dict[str, bodies.Encoding]:
    """``files`` are the members that are files, with their types as far as their schemas say them."""
    given = media.get("encoding")
    made = {name: bodies.Encoding(kind, is_file=True) for name, kind in files.items()}
    for name, one in given.items() if isinstance(given, dict) else ():
        if isinstance(one, dict):
            is_file, reserved = name in files, bool(one.get("allowReserved"))
            kind = _first_type(one.get("contentType"), is_file=is_file) or files.get(name)
            made[str(name)] = bodies.Encoding(kind, one.get("style"), one.get("explode"), reserved, is_file)
    return made


def _first_type(kinds: Any, *, is_file: bool) -> str | None:
    """Of several that a file may have, its own name tells which it has."""
    if not isinstance(kinds, str) or "*" in kinds or not (kinds.isprintable() and kinds.isascii()):
        return None
    first, comma, _ = kinds.partition(",")
    return None if comma and is_file else first.strip()
