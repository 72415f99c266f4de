"""The JSON Schema of a configuration, for editors: what `turnstream schema` prints."""

from __future__ import annotations

import json
from typing import Any

from turnstream import __version__
from turnstream.config.agents import AgentSection
from turnstream.config.tools.entry import ENTRY
from turnstream.config.tools.retrieval import STORES

_ENVIRONMENT = {"type": "string", "pattern": r"\$\{"}
_TEXT = {"type": "string", "minLength": 1}


def json_schema() -> dict[str, Any]:
    """Draft 2020-12. A number, a switch or a list may also be written as ``${NAME}``."""
    schema = AgentSection.model_json_schema()
    tool = ENTRY.model_json_schema()
    schema["$defs"] |= tool.pop("$defs")
    schema["$defs"]["ToolSection"] = tool
    for section in (schema, *schema["$defs"].values()):
        for name, field in section.get("properties", {}).items():
            section["properties"][name] = _widen(field)
    properties = schema["properties"]
    one = [_TEXT, {"$ref": properties["model"]["$ref"]}]
    several = {"type": "array", "items": {"anyOf": one}, "minItems": 1}
    properties["model"] = {"description": properties["model"]["description"], "anyOf": [*one, several]}
    kept = schema["$defs"]["HousekeepingSection"]["properties"]
    kept["model"]["anyOf"].insert(0, _TEXT)
    properties["tools"]["items"] = {"anyOf": [_TEXT, {"$ref": "#/$defs/ToolSection"}]}
    tool["oneOf"] = [{"required": [kind.name]} for kind in ENTRY.kinds]
    schema["$defs"]["RetrievalSection"]["oneOf"] = [{"required": [store]} for store in STORES]
    tool["properties"]["approve"]["anyOf"].insert(0, schema["$defs"]["ApproveSection"]["properties"]["calls"])
    server = schema["$defs"]["ServerSection"]["properties"]
    keys = server["keys"]
    one_key = keys.pop("items")
    several_keys = {"type": keys.pop("type"), "items": {"anyOf": [_TEXT, one_key]}}
    keys["anyOf"] = [several_keys, one_key, _ENVIRONMENT]
    server["statuses"]["enum"].append(False)  # what YAML makes of an `off` without quotes
    del server["statuses"]["type"]
    del schema["required"]
    schema["anyOf"] = [{"required": ["model"]}, {"required": ["server"]}]
    names = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:turnstream:agent:{__version__}"}
    return {**names, **schema, "title": "Turnstream agent"}


def text() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _widen(field: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in field:
        if any(_is_typed(option) for option in field["anyOf"]):
            field = {**field, "anyOf": [*field["anyOf"], _ENVIRONMENT]}
        return field
    if not _is_typed(field):
        return field
    outer: dict[str, Any] = {key: field[key] for key in ("title", "description", "default") if key in field}
    return {**outer, "anyOf": [{key: field[key] for key in field if key not in outer}, _ENVIRONMENT]}


def _is_typed(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    return kind in ("integer", "number", "boolean") or (kind == "array" and schema["items"].get("type") == "string")
