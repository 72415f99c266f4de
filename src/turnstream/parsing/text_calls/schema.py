"""The offered tools: which names exist, and what type each parameter has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Types: TypeAlias = frozenset[str]
"""JSON Schema's type names; empty where nothing is known."""

ANY: Types = frozenset()
_PYTHON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
_ALIASES = {
    "str": "string", "text": "string", "varchar": "string", "char": "string", "enum": "string",
    "int": "integer", "long": "integer", "short": "integer", "int32": "integer", "int64": "integer", "uint": "integer",
    "float": "number", "double": "number", "num": "number", "float32": "number", "float64": "number",
    "bool": "boolean", "binary": "boolean",
    "dict": "object", "map": "object", "list": "array", "arr": "array", "tuple": "array", "set": "array",
    "none": "null", "nil": "null", "nonetype": "null",
}  # fmt: skip


_NAMESPACES = ("functions.", "default_api.", "tools.")


class Tools:
    """Offered tools as OpenAI tool objects (``{"type": "function", "function": {…}}``, or the inner object alone).

    ``None`` says that nothing is known: any name may be a call then.
    """

    def __init__(self, tools: Iterable[Mapping[str, Any]] | None) -> None:
        self.known = tools is not None
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._types: dict[str, dict[str, Types]] = {}
        for tool in tools or ():
            function = tool.get("function") if isinstance(tool.get("function"), Mapping) else tool
            if isinstance(function, Mapping) and isinstance(name := function.get("name"), str):
                schema = function.get("parameters") or function.get("input_schema")
                self._schemas[name] = schema if isinstance(schema, Mapping) else {}

    def offers(self, name: str) -> bool:
        """Whether a call of that name can be meant."""
        return not self.known or name in self._schemas

    def find(self, name: str) -> str:
        """The offered tool that is meant where more than its name was written: a namespace, a colon, brackets."""
        if self.offers(name):
            return name
        bare = name.strip().removesuffix("()").rstrip(":")
        for namespace in _NAMESPACES:
            bare = bare.removeprefix(namespace)
        return bare if bare in self._schemas else name

    def may_offer(self, start: str) -> bool:
        """Whether a tool's name can begin so."""
        if not self.known:
            return start.isascii() and all(char.isalnum() or char in "_-.:/" for char in start)
        return any(name.startswith(start) for name in self._schemas)

    @property
    def names(self) -> Iterable[str]:
        return self._schemas

    def schema(self, name: str) -> Mapping[str, Any]:
        return self._schemas.get(name) or {}

    def knows(self, name: str) -> bool:
        """Whether the parameters of that tool are known."""
        return bool(self.schema(name).get("properties"))

    def properties(self, name: str) -> Iterable[str]:
        root = self.schema(name)
        return properties(root, root)

    def declares(self, name: str, key: str) -> bool:
        return key in properties(self.schema(name), self.schema(name))

    def takes_nothing(self, name: str) -> bool:
        """Whether a tool is known to have no parameters."""
        return name in self._schemas and not self.knows(name)

    def declares_all(self, name: str, text: str) -> bool:
        """Whether the members of a JSON object are all parameters of the tool."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return False
        return isinstance(found, dict) and all(self.declares(name, key) for key in found)

    def anybody_declares(self, key: str) -> bool:
        """Whether a parameter of that name can be meant, whichever tool it is."""
        return not self.known or any(self.declares(name, key) or not self.knows(name) for name in self._schemas)

    def missing(self, name: str, given: Iterable[str]) -> set[str]:
        """The required parameters of a tool that are not given."""
        required = self.schema(name).get("required")
        return set(required) - set(given) if isinstance(required, list) else set()

    def types(self, name: str, key: str) -> Types:
        """The types of a tool's parameter; ANY where the tool or the parameter is unknown."""
        found = self._types.get(name)
        if found is None:
            root = self.schema(name)
            found = {k: types_of(v, root) for k, v in properties(root, root).items()}
            self._types[name] = found
        return found.get(key, ANY)


def properties(schema: Any, root: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    schema = resolve(schema, root)
    if not isinstance(schema, Mapping) or depth > 8:
        return {}
    found: dict[str, Any] = {}
    for keyword in ("allOf", "anyOf", "oneOf"):
        parts = schema.get(keyword)
        for part in parts if isinstance(parts, list) else ():
            found.update(properties(part, root, depth + 1))
    own = schema.get("properties")
    if isinstance(own, Mapping):
        found.update(own)
    return found


def resolve(schema: Any, root: Mapping[str, Any]) -> Any:
    """The schema that a local ``$ref`` points to."""
    for _ in range(16):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        target: Any = root
        for part in reference[1:].strip("/").split("/"):
            target = target.get(part) if isinstance(target, Mapping) else None
        schema = target
    return schema


def types_of(schema: Any, root: Mapping[str, Any], depth: int = 0) -> Types:
    """The JSON types that a schema allows; ANY if it does not say."""
    schema = resolve(schema, root)
    if not isinstance(schema, Mapping) or depth > 8:
        return ANY
    found: set[str] = set()
    named = schema.get("type")
    for name in [named] if isinstance(named, str) else named if isinstance(named, list) else ():
        if isinstance(name, str):
            lower = name.lower()
            found.add(_ALIASES.get(lower, lower))
    for keyword in ("anyOf", "oneOf", "allOf"):
        parts = schema.get(keyword)
        for part in parts if isinstance(parts, list) else ():
            found |= types_of(part, root, depth + 1)
    if not found:
        given = schema.get("enum") if isinstance(schema.get("enum"), list) else None
        if given is None and "const" in schema:
            given = [schema["const"]]
        found |= {_PYTHON_TYPES.get(type(item), "null") for item in given or ()}
        if not found and "properties" in schema:
            found.add("object")
        elif not found and "items" in schema:
            found.add("array")
    if schema.get("nullable") is True and found:
        found.add("null")
    return frozenset(found - {"any"}) if "any" not in found else ANY


def member(node: Any, root: Mapping[str, Any], key: str) -> Any:
    """The schema of an object's member; None if nothing is said of it."""
    node = resolve(node, root)
    if not isinstance(node, Mapping):
        return None
    own = node.get("properties")
    found = own.get(key) if isinstance(own, Mapping) else None
    if found is None and not node.keys().isdisjoint(("allOf", "anyOf", "oneOf")):
        found = properties(node, root).get(key)
    if found is None and isinstance(node.get("additionalProperties"), Mapping):
        found = node["additionalProperties"]
    return found


def items_of(node: Any, root: Mapping[str, Any]) -> Any:
    """The schema of an array's items, also where the array is one of several types."""
    node = resolve(node, root)
    if not isinstance(node, Mapping):
        return None
    if "items" in node:
        return node["items"]
    parts = [part for word in ("anyOf", "oneOf") for part in node.get(word) or ()]
    found = (resolve(part, root) for part in parts)
    return next((part["items"] for part in found if isinstance(part, Mapping) and "items" in part), None)


def is_schema(value: object) -> bool:
    """Whether a value is the schema of a tool's parameters, and hardly its arguments."""
    return isinstance(value, dict) and value.get("type") == "object" and isinstance(value.get("properties"), dict)
