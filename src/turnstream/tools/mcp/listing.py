"""What a server says of its tools, made such that a bad one costs itself and not all the others."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from mcp import types

log = logging.getLogger("turnstream.tools.mcp")


def mended(item: Any) -> Any:
    """``item``, which a transport received. Of a list of tools, those go that the SDK would refuse, and the whole list
    with them. A schema that leaves out its type is completed: it can be no other."""
    result = getattr(getattr(item, "message", None), "result", None)
    if isinstance(result, dict) and isinstance(result.get("tools"), list):
        result["tools"] = [tool for tool in result["tools"] if _is_readable(tool)]
    return item


def _is_readable(tool: Any) -> bool:
    from mcp.types import methods
    from pydantic import ValidationError

    if isinstance(tool, dict) and isinstance(tool.get("inputSchema"), dict):
        tool["inputSchema"].setdefault("type", "object")
    try:
        methods.validate_server_result("tools/list", "2025-11-25", {"tools": [tool]})
    except ValidationError as error:
        log.warning("the tool %r of an MCP server is left out: %s", _name(tool), _fault(error))
        return False
    return True


def _name(tool: Any) -> Any:
    return tool.get("name") if isinstance(tool, dict) else tool


def _fault(error: Any) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'][2:])}: {first['msg']}"


def usable(tools: Iterable[types.Tool]) -> list[types.Tool]:
    """Those whose schemas are JSON Schemas that stand alone: for one that is not, a model's vendor refuses the run."""
    from jsonschema import Draft202012Validator, SchemaError

    kept = []
    for tool in tools:
        try:
            Draft202012Validator.check_schema(tool.input_schema)
        except (SchemaError, RecursionError):
            log.warning("the tool %r of an MCP server is left out: its input schema is none", tool.name)
            continue
        if loose := next(_loose(tool.input_schema, tool.input_schema), None):
            log.warning("the tool %r of an MCP server is left out: %r leads nowhere", tool.name, loose)
            continue
        kept.append(tool)
    return kept


def _loose(schema: Any, root: Any) -> Iterator[str]:
    """References to what is not there, or is elsewhere."""
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str) and not _leads(reference, root):
            yield reference
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _loose(inner, root)


def _leads(reference: str, root: Any) -> bool:
    """RFC 6901. A name of an anchor is believed."""
    if not reference.startswith("#/"):
        return reference.startswith("#")
    for part in reference[2:].split("/"):
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(root, list) and key.isdecimal() and int(key) < len(root):
            root = root[int(key)]
        elif isinstance(root, dict) and key in root:
            root = root[key]
        else:
            return False
    return True
