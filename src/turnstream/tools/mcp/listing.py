"""What a server says of its tools, repaired such that a bad one costs itself and not all the others."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from turnstream.tools import json_schema, schema_check

if TYPE_CHECKING:
    from mcp import types

log = logging.getLogger("turnstream.tools.mcp")

OUTPUT_SCHEMA = "turnstream/outputSchema"
"""The key in a tool's ``_meta`` under which its output schema is kept from the SDK, which refuses results by it."""

_VERSION = "2025-11-25"
_ORNAMENTS = ("annotations", "icons", "title", "execution", "_meta")


def repair(result: dict[str, Any]) -> None:
    """Drops tools that would make the SDK reject the whole list. A schema that leaves out its type is completed: it can
    be no other."""
    if isinstance(result.get("tools"), list):
        result["tools"] = [tool for tool in result["tools"] if _repair_tool(tool)]


def _repair_tool(tool: Any) -> bool:
    if isinstance(tool, dict):
        if isinstance(tool.get("inputSchema"), dict):
            tool["inputSchema"].setdefault("type", "object")
            for key in ("properties", "required"):
                if tool["inputSchema"].get(key, ...) is None:  # an empty one, as Go and .NET write it
                    del tool["inputSchema"][key]
        if (schema := tool.pop("outputSchema", None)) is not None:
            meta = tool.get("_meta")
            tool["_meta"] = {**(meta if isinstance(meta, dict) else {}), OUTPUT_SCHEMA: schema}
        if isinstance(tool.get("description", ""), str) is False:
            del tool["description"]
    fault = _fault_of(tool)
    for ornament in _ORNAMENTS if fault else ():
        if isinstance(tool, dict) and f"{ornament}" in fault.partition(":")[0]:
            tool.pop(ornament, None)
            fault = _fault_of(tool)
    if fault:
        log.warning("the tool %r of an MCP server is left out: %s", _name(tool), fault)
    return not fault


def _fault_of(tool: Any) -> str:
    from mcp.types import methods
    from pydantic import ValidationError

    try:
        methods.validate_server_result("tools/list", _VERSION, {"tools": [tool]})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'][2:])}: {first['msg']}"
    return ""


def _name(tool: Any) -> Any:
    return tool.get("name") if isinstance(tool, dict) else tool


def usable(tools: Iterable[types.Tool]) -> list[types.Tool]:
    """Those whose schemas are JSON Schemas that stand alone, in the draft that models' vendors know: for one that is
    not, a vendor refuses the run. Of two with one name the first is taken."""
    first: dict[str, types.Tool] = {}
    for tool in tools:
        if first.setdefault(tool.name, tool) != tool:
            log.warning("an MCP server lists two tools named %r: the second is left out", tool.name)
    kept = []
    for tool in first.values():
        schema = json_schema.modern(tool.input_schema)
        if fault := _fault_of_schema(schema):
            log.warning("the tool %r of an MCP server is left out: %s", tool.name, fault)
        else:
            kept.append(tool.model_copy(update={"input_schema": schema}))
    return kept


def _fault_of_schema(schema: dict[str, Any]) -> str:
    from jsonschema import SchemaError

    try:
        schema_check.check_schema(schema)
    except (SchemaError, RecursionError):
        return "invalid input schema"
    loose = json_schema.unresolved(schema)
    return f"unresolved $ref {loose!r}" if loose else ""


def fault_of_output(tool: types.Tool, structure: Any) -> str | None:
    """Why a structured result is not what the tool declares; None if it is, or if nobody can say."""
    schema = (tool.meta or {}).get(OUTPUT_SCHEMA)
    if not isinstance(schema, dict) or structure is None:
        return None
    try:
        error = next(schema_check.find_errors(schema_check.validator(json_schema.modern(schema)), structure), None)
    except Exception:  # the boundary to a schema that others wrote: it may be nonsense
        log.debug("the output schema of the MCP tool %r cannot be used", tool.name, exc_info=True)
        return None
    return None if error is None else str(error.message)[:200]
