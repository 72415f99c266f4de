"""What a person should hear about a configuration that works, but not well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from turnstream import errors

SHORTEST_KEY = 10  # characters; shorter ones can be tried out

if TYPE_CHECKING:
    from turnstream.agent import Agent
    from turnstream.protocols import Toolbox
    from turnstream.service import Service
    from turnstream.toolspec import ToolSpec


def advise(service: Service) -> list[str]:
    """Of keys, and of tools that are known without asking a server."""
    return [*_advise_on_keys(service), *(line for agent in service.agents.values() for line in _advise_on(agent))]


def _advise_on_keys(service: Service) -> Iterator[str]:
    import time

    from turnstream.identity import Key
    from turnstream.identity.files import SecretFile

    for key in service.settings.keys:
        text = key if isinstance(key, str) else key.key
        name = (key.name if isinstance(key, Key) else None) or "without a name"
        if text and len(text) < SHORTEST_KEY:
            yield f"the key {name} has {len(text)} characters, which can be guessed; `turnstream keys add` makes one"
        if not isinstance(key, Key):
            continue
        if key.expires_at is not None and key.expires_at <= time.time():
            yield f"the key {name} has expired"
        if key.file is not None:
            try:
                SecretFile(key).load()
            except errors.ConfigurationError as error:
                yield f"the key {name}: {error.message}"


def _advise_on(agent: Agent) -> Iterator[str]:
    from turnstream.tools.python import FunctionTool
    from turnstream.tools.wrap import innermost

    names: set[str] = set()
    for toolbox in agent.toolboxes:
        if isinstance(inner := innermost(toolbox), FunctionTool):
            yield from advise_on_tool(inner.spec)
        for spec in _known_tools(toolbox):
            if spec.name in names:
                yield f"a tool {spec.name} of agent {agent.name} is hidden: another has its name; give one a prefix"
            names.add(spec.name)


def _known_tools(toolbox: Toolbox) -> Sequence[ToolSpec]:
    """Those of functions and REST calls: for others a server would have to be asked, as ``turnstream tools`` does."""
    known: Any = getattr(toolbox, "specs", None) or getattr(toolbox, "known", ())
    return tuple(known)


def advise_on_tool(spec: ToolSpec) -> Iterator[str]:
    if not spec.description.strip():
        yield f"tool {spec.name} has no description: it tells the model when to use it"
    if untyped := [name for name, schema in _properties(spec) if not _has_type(schema)]:
        noun = "argument" if len(untyped) == 1 else "arguments"
        yield f"tool {spec.name} has no type for the {noun} {_join(untyped)}: a type tells the model what to write"


def _properties(spec: ToolSpec) -> Iterator[tuple[str, Any]]:
    properties = spec.parameters.get("properties")
    yield from properties.items() if isinstance(properties, dict) else ()


def _has_type(schema: Any) -> bool:
    return not isinstance(schema, dict) or bool(schema.keys() - {"title", "description", "default"})


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
