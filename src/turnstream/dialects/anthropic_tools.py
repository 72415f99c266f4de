"""The tools of an Anthropic Messages request.

Anthropic has schemas of its own for some tools that the client runs (bash, the text editor, computer use, memory): any
model can call them as functions with the documented parameters. Tools that Anthropic runs (web search, code execution)
nobody runs here, and they are refused. Tool search is left out beside other tools: all of them are sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnstream import errors, toolspec
from turnstream.api import messages as api
from turnstream.dialects import body as bodies, incoming

_SEARCH = "tool_search_tool_"


def read(tools: Sequence[api.Tool]) -> tuple[tuple[toolspec.ToolSpec, ...], tuple[str, ...]]:
    """The tools, and notes on what was left out."""
    notes = [f"the tool '{tool.type}' was left out: all tools are sent" for tool in tools if _is_search(tool)]
    if len(notes) == len(tools):
        notes = []
    return tuple(_specs(tools, skip_search=bool(notes))), tuple(notes)


def count(tools: Sequence[api.Tool]) -> tuple[tuple[toolspec.ToolSpec, ...], tuple[str, ...]]:
    """All that have a name, for an estimate: the type of a tool is no reason to refuse one."""
    specs = (
        toolspec.ToolSpec(tool.name, tool.description or "", tool.input_schema or {}) for tool in tools if tool.name
    )
    return tuple(specs), ()


def _is_search(tool: api.Tool) -> bool:
    return (tool.type or "").startswith(_SEARCH)


def _specs(tools: Sequence[api.Tool], *, skip_search: bool) -> Iterator[toolspec.ToolSpec]:
    for at, tool in enumerate(tools):
        path = f"tools[{at}]"
        if tool.function is not None and not tool.name:
            function = {"input_schema": tool.function.get("parameters"), **tool.function}
            tool = bodies.convert(function, api.Tool, f"{path}.function")
        if skip_search and _is_search(tool):
            continue
        known = _client_schema(tool.type or "")
        if known is not None:
            description, schema = known
            yield incoming.client_tool(tool.name, tool.description or description, schema, f"{path}.input_schema")
        elif tool.type in (None, "custom") and tool.name:
            where = f"{path}.input_schema"
            yield incoming.client_tool(tool.name, tool.description, tool.input_schema, where, tool.strict)
        else:
            expected = "expected 'custom' or one that the client runs, with a name"
            text = f"{path}.type: unsupported tool '{(tool.type or '')[:50]}'; {expected}."
            raise errors.RequestError(text, param=f"{path}.type", code="unsupported_parameter")


def _client_schema(type: str) -> tuple[str, dict[str, Any]] | None:
    """By a type without its date: ``bash_20250124``."""
    kind, _, date = type.rpartition("_")
    return _SCHEMAS.get(kind) if date.isdecimal() else None


def _object(required: Sequence[str], **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


_TEXT = {"type": "string"}
_INTEGER = {"type": "integer"}
_PAIR = {"type": "array", "items": _INTEGER, "minItems": 2, "maxItems": 2}
_SCHEMAS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "bash": (
        "Runs a command in a bash session that stays open; restart begins a new one.",
        _object((), command=_TEXT, restart={"type": "boolean"}),
    ),
    "text_editor": (
        "Views, creates and changes files.",
        _object(
            ("command", "path"),
            command={"type": "string", "enum": ["view", "create", "str_replace", "insert", "undo_edit"]},
            path=_TEXT,
            file_text=_TEXT,
            old_str=_TEXT,
            new_str=_TEXT,
            insert_line=_INTEGER,
            insert_text=_TEXT,
            view_range=_PAIR,
        ),
    ),
    "computer": (
        "Uses the screen, the mouse and the keyboard of a computer.",
        _object(
            ("action",),
            action=_TEXT,
            coordinate=_PAIR,
            start_coordinate=_PAIR,
            text=_TEXT,
            key=_TEXT,
            duration={"type": "number"},
            scroll_direction={"type": "string", "enum": ["up", "down", "left", "right"]},
            scroll_amount=_INTEGER,
            region={"type": "array", "items": _INTEGER},
        ),
    ),
    "memory": (
        "Views, creates, changes and deletes files of a memory that lasts.",
        _object(
            ("command",),
            command={"type": "string", "enum": ["view", "create", "str_replace", "insert", "delete", "rename"]},
            path=_TEXT,
            file_text=_TEXT,
            old_str=_TEXT,
            new_str=_TEXT,
            insert_line=_INTEGER,
            insert_text=_TEXT,
            old_path=_TEXT,
            new_path=_TEXT,
            view_range=_PAIR,
        ),
    ),
}
