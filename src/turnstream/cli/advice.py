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
    return [
        *_advise_on_keys(service),
        *_advise_on_issuers(service),
        *_advise_on_approvers(service),
        *(line for agent in service.agents.values() for line in _advise_on(agent)),
        *_advise_on_effects(service),
    ]


def advise_on_store(service: Service) -> list[str]:
    """Raises `ConfigurationError` for a store that does not work."""
    import asyncio

    from turnstream.runs import stores

    found = asyncio.run(stores.findings(service.settings.store, service.folder))
    return [f"store: {each}" for each in found]


def _advise_on_effects(service: Service) -> Iterator[str]:
    """Of agents whose runs outlive their client: these are gone on with by whoever takes them over."""
    from turnstream.tools import wrap

    scheduled = {schedule.agent for schedule in service.schedules.values()}
    for name, agent in service.agents.items():
        if agent.on_disconnect != "go_on" and name not in scheduled:
            continue
        tools = [spec for box in agent.toolboxes for spec in wrap.known_tools(box)]
        silent = [spec.name for spec in tools if spec.source == "python" and not spec.declared]
        if silent:
            verb = "does" if len(silent) == 1 else "do"
            yield (
                f"{_join(silent)} of agent {name} {verb} not say what a second call would do (effect): a kept run "
                "whose server stops in the middle of a call makes it again"
            )


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


def _advise_on_issuers(service: Service) -> Iterator[str]:
    from turnstream.identity import Key

    for issuer in service.settings.oidc:
        if issuer.prefix == "":
            yield f"tokens of {issuer.url} have no prefix: a subject may be the name of a key, and its principal"
        if issuer.scopes is None and "admin" in issuer.granted:
            yield f"each token of {issuer.url} may see and end the runs of all (admin)"
    for key in service.settings.keys:
        if isinstance(key, Key) and key.users is not None and key.users.secret is None:
            yield f"the key {key.name} names users by {key.users.header}, which nobody signs"


def _advise_on_approvers(service: Service) -> Iterator[str]:
    """Nobody could answer a question that is for a group or a scope which no key gives. Tokens and keys that are kept
    elsewhere may give any."""
    from turnstream.identity import Key
    from turnstream.tools import wrap

    settings = service.settings
    if settings.oidc or settings.keys_file is not None or settings.keys_store or not settings.keys:
        return
    principals = [(key if isinstance(key, Key) else Key(key)).principal for key in settings.keys]
    held = {f"group:{group}" for one in principals for group in one.groups}
    held |= {f"scope:{scope}" for one in principals for scope in one.scopes}
    for agent in service.agents.values():
        rules = {one.by for box in agent.toolboxes for one in wrap.approvals(box)}
        rules |= getattr(agent.guardrails, "reviewers", frozenset())
        for rule in sorted(rules - held - {""}):
            kind, _, name = rule.partition(":")
            yield f"agent {agent.name} waits for the {kind} {name}, which no key has: nobody can answer"


def _advise_on(agent: Agent) -> Iterator[str]:
    from turnstream.tools import wrap
    from turnstream.tools.python import FunctionTool

    names: set[str] = set()
    for toolbox in agent.toolboxes:
        if isinstance(inner := wrap.innermost(toolbox), FunctionTool):
            yield from advise_on_tool(inner.spec)
        for spec in wrap.known_tools(toolbox):
            if spec.name in names:
                yield f"a tool {spec.name} of agent {agent.name} is hidden: another has its name; give one a prefix"
            names.add(spec.name)
    yield from _advise_on_unknown_names(agent.toolboxes)


def _advise_on_unknown_names(toolboxes: Sequence[Toolbox]) -> Iterator[str]:
    """Nobody is asked here, so a tool that hides another may only be suspected."""
    from turnstream.cli.toolboxes import source
    from turnstream.tools import wrap

    by_prefix: dict[str, list[str]] = {}
    for toolbox in toolboxes:
        if source(toolbox).startswith(("mcp:", "openapi:")) and not wrap.known_tools(toolbox):
            by_prefix.setdefault(wrap.prefix_of(toolbox), []).append(source(toolbox))
    for sources in by_prefix.values():
        if len(sources) > 1:
            yield (
                f"{_join(sources)} have the same prefix or none: of two tools with one name, the second is hidden; "
                "`turnstream tools` asks for their names"
            )


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
