"""Schemas of a document as JSON Schema 2020-12 that stands alone: references become ``$defs``."""

from __future__ import annotations

import re
from typing import Any

from turnstream.tools.openapi.document import Document

_MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_DATA = ("default", "const", "enum", "required", "examples", "type")
_NOISE = (
    "example", "examples", "xml", "externalDocs", "discriminator", "deprecated", "writeOnly", "readOnly",
    "$schema", "$id", "$anchor", "$comment",
)  # fmt: skip


class Schemas:
    """Those of one operation. ``definitions`` are what `converted` referred to so far."""

    def __init__(self, document: Document) -> None:
        self.definitions: dict[str, Any] = {}
        self._document = document
        self._names: dict[int, str] = {}

    def converted(self, schema: Any, resolver: Any) -> Any:
        """Raises `Unresolvable`."""
        if not isinstance(schema, dict):
            return schema if isinstance(schema, bool) else {}
        if isinstance(schema.get("$ref"), str):
            beside = {} if self._document.is_30 else {key: one for key, one in schema.items() if key != "$ref"}
            return {"$ref": self._referred(schema, resolver), **self._converted(beside, resolver)}
        return self._converted(schema, resolver)

    def _referred(self, schema: dict[str, Any], resolver: Any) -> str:
        target, inside = self._document.followed(schema, resolver)
        key = id(target)  # the registry keeps the document, so no other object gets its id
        if key not in self._names:
            name = self._names[key] = self._free(schema["$ref"])
            self.definitions[name] = {}  # it may refer to itself
            self.definitions[name] = self.converted(target, inside)
        return f"#/$defs/{self._names[key]}"

    def _free(self, reference: str) -> str:
        base = re.sub(r"[^A-Za-z0-9_.-]+", "_", reference.rpartition("/")[2]) or "schema"
        name, number = base, 2
        while name in self.definitions:
            name, number = f"{base}_{number}", number + 1
        return name

    def _converted(self, schema: dict[str, Any], resolver: Any) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _NOISE or key.startswith("x-") or (key == "pattern" and not _is_pattern(value)):
                continue
            if key in _MAPS and isinstance(value, dict):
                made[key] = {name: self.converted(one, resolver) for name, one in self._written(value, key, resolver)}
            elif key in _DATA:
                made[key] = value
            elif isinstance(value, list):
                made[key] = [self.converted(one, resolver) if isinstance(one, dict) else one for one in value]
            else:
                made[key] = self.converted(value, resolver) if isinstance(value, dict) else value
        if "required" in made and "properties" in made and isinstance(made["required"], list):
            made["required"] = [name for name in made["required"] if name not in self._read(schema, resolver)]
        return _from_30(made) if self._document.is_30 else made

    def _written(self, properties: dict[str, Any], key: str, resolver: Any) -> list[tuple[str, Any]]:
        """A property that only answers have is none of a request."""
        if key == "patternProperties":
            return [(name, one) for name, one in properties.items() if _is_pattern(name)]
        hidden = self._read({"properties": properties}, resolver) if key == "properties" else set()
        return [(name, one) for name, one in properties.items() if name not in hidden]

    def _read(self, schema: dict[str, Any], resolver: Any) -> set[str]:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return set()
        followed = ((name, self._document.followed(one, resolver)[0]) for name, one in properties.items())
        return {name for name, one in followed if isinstance(one, dict) and one.get("readOnly") is True}


def _is_pattern(value: Any) -> bool:
    """OpenAPI's patterns are those of JavaScript, of which Python does not understand all."""
    try:
        re.compile(value)
    except (re.error, TypeError, OverflowError, RecursionError):
        return False
    return True


def _from_30(schema: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI 3.0 says otherwise than JSON Schema does: null, and bounds that are excluded."""
    for bound, excluded in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(excluded), bool) and schema.pop(excluded) and bound in schema:
            schema[excluded] = schema.pop(bound)
    if not schema.pop("nullable", False):
        return schema
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    return {"anyOf": [schema, {"type": "null"}]} if schema else schema
