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
        kind = _preferred(content)
        media = content[kind] if isinstance(content[kind], dict) else {}
        schema, inside = document.followed(media.get("schema", {}), resolver)
        if kind in (bodies.FORM, bodies.MULTIPART):
            schema = _without_files(schema, document, inside)
            return cls(kind, schema, _encodings(media))
        if _is_file(schema):
            raise errors.ConfigurationError(f"its body is a file ({kind})")
        if not bodies.is_json(kind) and not _is_text(schema):
            raise errors.ConfigurationError(f"its body is {kind} with a structure")
        return cls(kind, media.get("schema", {}))


def _preferred(content: Mapping[str, Any]) -> str:
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


def _without_files(schema: Any, document: Document, resolver: Any) -> Any:
    """A model has no file to give. Raises `ConfigurationError` if the server needs one."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return schema
    files = {name for name, one in properties.items() if _has_file(one, document, resolver)}
    if not files:
        return schema
    required = schema.get("required") if isinstance(schema.get("required"), list) else []
    if needed := sorted(str(name) for name in files & set(required)):
        raise errors.ConfigurationError(f"its body needs a file ({needed[0]})")
    return {**schema, "properties": {name: one for name, one in properties.items() if name not in files}}


def _has_file(schema: Any, document: Document, resolver: Any) -> bool:
    target, inside = document.followed(schema, resolver)
    if _is_file(target):
        return True
    items = target.get("items") if isinstance(target, dict) else None
    return _is_file(document.followed(items, inside)[0]) if isinstance(items, dict) else False


def _encodings(media: Mapping[str, Any]) -> dict[str, bodies.Encoding]:
    given = media.get("encoding")
    made = {}
    for name, one in given.items() if isinstance(given, dict) else ():
        if isinstance(one, dict):
            kind = one.get("contentType")
            kind = kind.partition(",")[0].strip() if isinstance(kind, str) and "*" not in kind else None
            made[str(name)] = bodies.Encoding(
                kind, one.get("style"), one.get("explode"), bool(one.get("allowReserved"))
            )
    return made
