"""The offered tools: which names exist, and what type each parameter has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from turnstream.parsing.text_calls import repair, values
from turnstream.parsing.text_calls.reader import Reader

Types: TypeAlias = frozenset[str]
"""JSON Schema's type names; empty where nothing is known."""

ANY: Types = frozenset()
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PYTHON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
_ALIASES = {
    "str": "string", "text": "string", "varchar": "string", "char": "string", "enum": "string",
    "int": "integer", "long": "integer", "short": "integer", "int32": "integer", "int64": "integer", "uint": "integer",
    "float": "number", "double": "number", "num": "number", "float32": "number", "float64": "number",
    "bool": "boolean", "binary": "boolean",
    "dict": "object", "map": "object", "list": "array", "arr": "array", "tuple": "array", "set": "array",
    "none": "null", "nil": "null", "nonetype": "null",
}  # fmt: skip


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

    def types(self, name: str, key: str) -> Types:
        """The types of a tool's parameter; ANY where the tool or the parameter is unknown."""
        found = self._types.get(name)
        if found is None:
            root = self.schema(name)
            found = {k: types_of(v, root) for k, v in properties(root, root).items()}
            self._types[name] = found
        return found.get(key, ANY)


def properties(schema: Any, root: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    schema = resolved(schema, root)
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


def resolved(schema: Any, root: Mapping[str, Any]) -> Any:
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
    schema = resolved(schema, root)
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


def typed(text: str, types: Types) -> str:
    """Raw text as JSON of one of the types; a JSON string where none fits."""
    if types == {"string"}:
        return repair.dumps(text)
    word = text.strip()
    lower = word.lower()
    if lower in ("null", "none") and (not types or "null" in types or "string" not in types):
        return "null" if types or word in ("null", "None") else repair.dumps(text)
    if lower in ("true", "false") and ("boolean" in types or (not types and word in _LITERALS)):
        return lower
    if (not types or types & {"integer", "number"}) and (number := _number(word, types)) is not None:
        return number
    if (not types or types & {"object", "array"}) and (compound := _compound(word)) is not None:
        return compound
    if "boolean" in types and word in ("0", "1"):
        return "true" if word == "1" else "false"
    if types and not types & {"string"}:
        try:  # declared as one type, written as another: JSON still speaks for itself
            repair.strict(word)
        except ValueError:
            pass
        else:
            return word
    return repair.dumps(text)


_LITERALS = frozenset({"true", "false", "True", "False"})


def _number(word: str, types: Types) -> str | None:
    if not _NUMBER.fullmatch(word):
        if types and word.lstrip("+-").isdecimal() and word.isascii():
            return str(int(word[:4000]))
        try:
            value = repair.python_literal(word)
        except ValueError:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or value != value
            or abs(value) == float("inf")
        ):
            return None
        return json.dumps(value)
    if types and "number" not in types and "." in word and float(word).is_integer():
        return str(int(float(word)))
    return word


def _compound(word: str) -> str | None:
    """An object or an array, however it is spelled."""
    if word[:1] not in ("{", "["):
        return None
    try:
        repair.strict(word)
    except ValueError:
        pass
    else:
        return word
    parts: list[str] = []
    try:
        reader = Reader()
        reader.feed(word)
        reader.ended = True
        for _ in values.value(reader, parts.append):
            return None
        if reader.pos == len(word):
            return "".join(parts)
    except (values.BrokenError, values.TruncatedError):
        pass
    for read in (repair.python_literal, _unescaped):
        try:
            return repair.dumps(read(word))
        except (ValueError, TypeError):
            pass
    return None


def _unescaped(word: str) -> object:
    """JSON that was escaped as if it stood in a JSON string. Raises ValueError."""
    if '\\"' not in word:
        raise ValueError("not escaped")
    inner = repair.strict(f'"{word}"', raw_newlines=True)
    return repair.strict(inner, raw_newlines=True)
