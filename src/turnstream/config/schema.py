"""The JSON Schema of a configuration, for editors: what `turnstream schema` prints."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from typing import Any

from turnstream import __version__
from turnstream.config.agents import AgentSection
from turnstream.config.sections import Section
from turnstream.config.tools import entry
from turnstream.config.tools.retrieval import STORES

_ENVIRONMENT = {"type": "string", "pattern": r"\$\{"}
_TEXT = {"type": "string", "minLength": 1}


def json_schema() -> dict[str, Any]:
    """Draft 2020-12. A number, a switch or a list may also be written as ``${NAME}``."""
    kinds = entry.kinds()  # loads their sections
    AgentSection.complete()
    _describe_fields()
    tools = entry.make_section(kinds)
    schema = AgentSection.model_json_schema()
    tool = tools.model_json_schema()
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
    tool["oneOf"] = [{"required": [kind.name]} for kind in tools.kinds]
    schema["$defs"]["RetrievalSection"]["oneOf"] = [{"required": [store]} for store in STORES]
    tool["properties"]["approve"]["anyOf"].insert(0, schema["$defs"]["ApproveSection"]["properties"]["calls"])
    server = schema["$defs"]["ServerSection"]["properties"]
    keys = server["keys"]
    one_key = keys.pop("items")
    several_keys = {"type": keys.pop("type"), "items": {"anyOf": [_TEXT, one_key]}}
    keys["anyOf"] = [several_keys, one_key, _ENVIRONMENT]
    one_issuer = server["oidc"].pop("items")
    server["oidc"]["anyOf"] = [{"type": server["oidc"].pop("type"), "items": one_issuer}, one_issuer]
    server["statuses"]["enum"].append(False)  # what YAML makes of an `off` without quotes
    del server["statuses"]["type"]
    del schema["required"]
    schema["anyOf"] = [{"required": ["model"]}, {"required": ["server"]}]
    names = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:turnstream:agent:{__version__}"}
    return {**names, **schema, "title": "Turnstream agent"}


def text() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _describe_fields() -> None:
    """Give the fields of all sections the descriptions that stand below them in the source. A section is defined behind
    those that it consists of, so each is made ready again behind them; the agent's alone is defined before some."""
    for section in _subclasses(Section):
        below = {name: text for cls in reversed(section.__mro__) for name, text in _read_descriptions(cls).items()}
        for name, field in section.model_fields.items():
            field.description = field.description or below.get(name)
    again: list[type[Section]] = [*_subclasses(Section), AgentSection]
    for section in again:
        section.model_rebuild(force=True)


def _subclasses(section: type[Section]) -> Iterator[type[Section]]:
    for subclass in section.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _read_descriptions(section: type) -> dict[str, str]:
    if not issubclass(section, Section):
        return {}
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    except (OSError, TypeError):  # it was made of others, and has no source
        return {}
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(description))):
                found[name] = inspect.cleandoc(description)
            case _:
                pass
    return found


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
