"""Schemas of a document as JSON Schema 2020-12 that stands alone: references become ``$defs``.

A component is converted and checked once for all operations that refer to it: a document like that of Kubernetes has
hundreds of operations over the same components.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from turnstream.tools import json_schema, schema_check
from turnstream.tools.openapi.budget import SpentError
from turnstream.tools.openapi.document import Document, UnresolvableError

_NOISE = (
    "example", "examples", "xml", "externalDocs", "discriminator", "deprecated", "writeOnly", "readOnly",
    "$schema", "$id", "$anchor", "$comment",
)  # fmt: skip
_CHECK = 16  # what the check of a value costs, in what its conversion costs
_MOST_CHECKED = 30_000  # values of one schema that are checked at once: five seconds
_REF = "#/$defs/"
_NOTHING: frozenset[str] = frozenset()


class Schemas:
    """Those of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._spend = document.budget.spend
        self._names: dict[int, str] = {}
        self._definitions: dict[str, Any] = {}
        self._faults: dict[str, Exception] = {}
        self._references: dict[str, frozenset[str]] = {}
        self._checked: set[bytes] = set()

    def convert(self, schema: Any, resolver: Any, hidden: frozenset[str] = _NOTHING) -> Any:
        """``hidden`` are names that the schema around it describes as only read: a request requires none of them.
        Raises `UnresolvableError`."""
        if not isinstance(schema, dict):
            return schema if isinstance(schema, bool) else {}
        resolver = self._document.within(schema, resolver)
        if isinstance(schema.get("$ref"), str):
            beside = {} if self._document.is_30 else {key: one for key, one in schema.items() if key != "$ref"}
            return {**self._refer(schema, resolver, hidden), **self._convert(beside, resolver, hidden)}
        return self._convert(schema, resolver, hidden)

    def check(self, schema: Any) -> None:
        """Once for all schemas that are the same: to check one takes milliseconds. Raises jsonschema's
        ``SchemaError``."""
        written = json.dumps(schema, sort_keys=True, default=str)
        self._document.budget.spend_text(len(written))
        key = sha256(written.encode()).digest()
        if key not in self._checked:
            self._pay_for_check(written)
            schema_check.check_schema(schema)
            self._checked.add(key)

    def _pay_for_check(self, written: str) -> None:
        """Nothing can stop a check once it runs, so its time is bounded before it."""
        values = written.count(",") + written.count("{")
        if values > _MOST_CHECKED:
            raise ValueError(f"one of its schemas has more than {_MOST_CHECKED:,} values")
        self._spend(_CHECK * values)

    def closure(self, schema: Any) -> dict[str, Any]:
        """The definitions that the schema refers to, directly or not. Raises what was wrong with one of them."""
        found: dict[str, Any] = {}
        ahead = set(_references(schema))
        while ahead:
            name = ahead.pop()
            if name in self._faults:
                raise self._faults[name]
            if name in self._definitions and name not in found:
                self._spend()
                found[name] = self._definitions[name]
                ahead |= self._direct(name) - found.keys()
        return {name: found[name] for name in self._definitions if name in found}

    def _direct(self, name: str) -> frozenset[str]:
        if name not in self._references:
            self._references[name] = frozenset(_references(self._definitions[name]))
            try:
                self.check(self._definitions[name])
            except SpentError:
                raise
            except Exception as error:  # the boundary to a document that others wrote: it may be anything
                self._faults[name] = error
                raise
        return self._references[name]

    def _refer(self, schema: dict[str, Any], resolver: Any, hidden: frozenset[str]) -> dict[str, Any]:
        target, inside = self._document.follow(schema, resolver)
        if hidden and isinstance(target, dict) and hidden & set(_strings(target.get("required"))):
            made: dict[str, Any] = self.convert(target, inside, hidden)  # here it requires less than elsewhere
            return made
        key = id(target)  # the registry keeps the document, so no other object gets its id
        if key not in self._names:
            name = self._names[key] = self._free(schema["$ref"])
            self._definitions[name] = {}  # it may refer to itself
            try:
                self._definitions[name] = self.convert(target, inside)
            except (UnresolvableError, RecursionError) as error:
                self._faults[name] = error
        return {"$ref": f"{_REF}{self._names[key]}"}

    def _free(self, reference: str) -> str:
        base = re.sub(r"[^A-Za-z0-9_.-]+", "_", reference.rpartition("/")[2]) or "schema"
        name, number = base, 2
        while name in self._definitions:
            name, number = f"{base}_{number}", number + 1
        return name

    def _convert(self, schema: dict[str, Any], resolver: Any, hidden: frozenset[str]) -> dict[str, Any]:
        self._spend(1 + len(schema))
        hidden = hidden | self.read_only(schema, resolver)
        made: dict[str, Any] = {}
        for key, value in schema.items():
            if not isinstance(key, str) or key in _NOISE or key.startswith("x-"):
                continue
            if key == "pattern" and not json_schema.is_pattern(value):
                continue
            if key in json_schema.MAPS and isinstance(value, dict):
                shown = _select_shown(value, key, hidden)
                made[key] = {name: self.convert(one, resolver) for name, one in shown}
            elif key in json_schema.DATA:
                made[key] = value
            elif isinstance(value, list):
                within = hidden if key == "allOf" else _NOTHING
                made[key] = [self.convert(one, resolver, within) if isinstance(one, dict) else one for one in value]
            else:
                made[key] = self.convert(value, resolver) if isinstance(value, dict) else value
        if isinstance(made.get("required"), list):
            made["required"] = [name for name in made["required"] if name not in hidden]
        return _from_30(made) if self._document.is_30 else made

    def read_only(self, schema: Any, resolver: Any, depth: int = 0) -> frozenset[str]:
        """The properties that only answers have: ``required`` takes effect on the response only (OpenAPI 3.0.3, Schema
        Object)."""
        if not isinstance(schema, dict) or depth > 20:
            return _NOTHING
        self._spend()
        found = set()
        properties = schema.get("properties")
        for name, one in properties.items() if isinstance(properties, dict) else ():
            if self._is_read_only(one, resolver):
                found.add(str(name))
        for branch in schema.get("allOf") or () if isinstance(schema.get("allOf"), list) else ():
            target, inside = self._document.follow(branch, resolver)
            found |= self.read_only(target, inside, depth + 1)
        return frozenset(found)

    def _is_read_only(self, schema: Any, resolver: Any) -> bool:
        if isinstance(schema, dict) and not self._document.is_30 and schema.get("readOnly") is True:
            return True
        target, _ = self._document.follow(schema, resolver)
        return isinstance(target, dict) and target.get("readOnly") is True


def _select_shown(members: Mapping[Any, Any], key: str, hidden: frozenset[str]) -> list[tuple[str, Any]]:
    if key == "patternProperties":
        return [(name, one) for name, one in members.items() if isinstance(name, str) and json_schema.is_pattern(name)]
    left_out = hidden if key == "properties" else _NOTHING
    return [(str(name), one) for name, one in members.items() if name not in left_out]


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith(_REF):
            yield reference.removeprefix(_REF)
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        if isinstance(inner, dict | list):
            yield from _references(inner)


def _strings(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


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
