"""The tools of an OpenAI Responses request: what the model is offered, and how a call of each is written to the client.

Functions are the client's to run. A custom tool takes a text: for the model it is a function with one parameter. The
functions of a namespace have names of two parts. Tools that OpenAI hosts cannot be run here: where they are merely
offered they are left out, with a note for the log; where one is forced the request is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from turnstream import errors, toolspec
from turnstream.api import responses as api
from turnstream.dialects import body as bodies, incoming

CUSTOM_INPUT = "input"
CUSTOM_SCHEMA = {
    "type": "object",
    "properties": {CUSTOM_INPUT: {"type": "string"}},
    "required": [CUSTOM_INPUT],
    "additionalProperties": False,
}


class Form(Struct, frozen=True):
    """How the client knows a tool."""

    name: str
    namespace: str | None = None
    custom: bool = False


class Tools(Struct, frozen=True):
    """``forms`` are by the name that the model knows."""

    specs: tuple[toolspec.ToolSpec, ...] = ()
    forms: Mapping[str, Form] = {}
    notes: tuple[str, ...] = ()


def read(tools: Sequence[api.ResponsesTool]) -> Tools:
    specs: list[toolspec.ToolSpec] = []
    forms: dict[str, Form] = {}
    notes: list[str] = []
    for index, tool in enumerate(tools):
        for spec, form in _specs(_flat(tool, f"tools[{index}]"), f"tools[{index}]"):
            specs.append(spec)
            forms[spec.name] = form
        if tool.type not in ("function", "custom", "namespace"):
            notes.append(f"the tool '{tool.type[:50]}' was left out: it is not run here")
    return Tools(tuple(specs), forms, tuple(notes))


def _flat(tool: api.ResponsesTool, path: str) -> api.ResponsesTool:
    """A function that stands in a member of its own, as chat completions have it."""
    if tool.function is None or tool.type != "function" or tool.name:
        return tool
    return bodies.convert({**tool.function, "type": "function"}, api.ResponsesTool, f"{path}.function")


def _specs(
    tool: api.ResponsesTool, path: str, namespace: str | None = None
) -> Iterator[tuple[toolspec.ToolSpec, Form]]:
    match tool.type:
        case "function":
            name = qualify(tool.name or "", namespace)
            spec = incoming.client_tool(name, tool.description, tool.parameters, f"{path}.parameters", tool.strict)
            yield spec, Form(tool.name or "", namespace)
        case "custom":
            name = qualify(tool.name or "", namespace)
            yield (
                incoming.client_tool(name, tool.description, CUSTOM_SCHEMA, f"{path}.parameters"),
                Form(tool.name or "", namespace, custom=True),
            )
        case "namespace" if namespace is None:
            for index, inner in enumerate(tool.tools or ()):
                yield from _specs(inner, f"{path}.tools[{index}]", tool.name or "")
        case _:
            pass


def qualify(name: str, namespace: str | None) -> str:
    """The name of a tool of a namespace, in the characters that vendors take."""
    return f"{namespace}__{name}" if namespace and name else name


def choose(choice: str | dict[str, Any] | None, tools: Tools) -> tuple[str | dict[str, Any] | None, Tools]:
    """What the model shall do, and the tools that ``allowed_tools`` leaves."""
    match choice:
        case None | "auto" | "none" | "required":
            return choice, tools
        case {"type": "auto" | "none" | "required" as mode}:
            return mode, tools
        case "any" | {"type": "any"}:
            return "required", tools
        case {"type": "function", "function": {"name": str(name)}}:
            return {"name": _find_name(name, None, tools)}, tools
        case {"type": "function" | "custom", "name": str(name), **rest} if name:
            return {"name": _find_name(name, rest.get("namespace"), tools)}, tools
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(allowed)}:
            names = [_find_name(each.get("name"), each.get("namespace"), tools) for each in allowed if _is_ours(each)]
            left = incoming.allow_tools(tools.specs, names, "tool_choice.tools")
            return mode, Tools(left, tools.forms, tools.notes)
        case _:
            text = "tool_choice: must be 'auto', 'none', 'required', one function or allowed_tools."
            raise errors.RequestError(text, param="tool_choice", code="invalid_value")


def _is_ours(tool: Any) -> bool:
    return isinstance(tool, dict) and tool.get("type", "function") in ("function", "custom")


def _find_name(name: Any, namespace: Any, tools: Tools) -> Any:
    """The name that the model knows a tool by."""
    wanted = qualify(name, namespace) if isinstance(name, str) else name
    if wanted in tools.forms:
        return wanted
    return next((known for known, form in tools.forms.items() if form.name == name), name)


def show(spec: toolspec.ToolSpec, form: Form) -> dict[str, Any]:
    """The tool as the response object has it."""
    if form.custom:
        return {"type": "custom", "name": form.name, "description": spec.description}
    namespace = {} if form.namespace is None else {"namespace": form.namespace}
    return {
        "type": "function",
        "name": form.name,
        **namespace,
        "description": spec.description,
        "parameters": spec.parameters,
        "strict": bool(spec.strict),
    }
