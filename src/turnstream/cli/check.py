"""``turnstream check``: what a configuration would run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from turnstream.cli.options import Json, Target

if TYPE_CHECKING:
    from turnstream.agent import Agent
    from turnstream.protocols import Toolbox
    from turnstream.service import ServerSettings, Service
    from turnstream.tools.wrap.approved import Approved


def check(
    target: Target = None,
    env: Annotated[
        bool,
        typer.Option("--env/--no-env", help="--no-env: do not report variables and keys that are not set here."),
    ] = True,
    connect: Annotated[
        bool, typer.Option("--connect", help="Also connect to the store, and say what is wrong or slow there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a configuration would run, or what is wrong.

    Everything that is wrong is told at once.

    Nothing is started, and without --connect nothing is sent.

    Example: turnstream check agent.yaml

    Example: turnstream check --no-env
    """
    from turnstream.cli import advice
    from turnstream.cli.target import load_service
    from turnstream.errors import ConfigurationError

    skipped: list[str] | None = None if env else []
    try:
        service = load_service(target, skipped=skipped)
        found = advice.advise_on_store(service) if connect else []
    except ConfigurationError as error:
        if not as_json:
            raise
        typer.echo(json.dumps({"ok": False, "errors": error.message.splitlines()}))
        raise typer.Exit(1) from None
    lines, warnings = report(service), [*advice.advise(service), *found]
    if as_json:
        agents = [_as_data(agent) for agent in service.agents.values()]
        typer.echo(json.dumps({"ok": True, "agents": agents, "warnings": warnings, "unchecked": skipped or []}))
        return
    typer.echo("\n".join(lines))
    for place in skipped or ():
        typer.echo(f"not checked: {place}: it depends on a variable that is not set", err=True)
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)


def report(service: Service) -> list[str]:
    from turnstream.runs import stores

    settings = service.settings
    lines = [line for agent in service.agents.values() for line in _agent(agent)]
    for schedule in service.schedules.values():
        lines.append(f"schedule {schedule.name}: {schedule.cron} ({schedule.zone.key}), agent {schedule.agent}")
    stores.for_workers(settings.store, settings.workers)
    for webhook in service.webhooks:
        lines.append(f"webhook to {urlsplit(webhook.url).hostname}: {', '.join(sorted(webhook.events))}")
    return [*lines, f"server: {settings.host}:{settings.port}, {_keys(settings)}, statuses {settings.statuses}"]


def _keys(settings: ServerSettings) -> str:
    number = len(settings.keys)
    told = [f"{number} API key{'s' if number > 1 else ''}"] if number else []
    told += [f"keys in {settings.keys_file}"] if settings.keys_file is not None else []
    told += ["keys in the store"] if settings.keys_store else []
    told += [f"tokens of {issuer.url}" for issuer in settings.oidc]
    return " and ".join(told) or "no API key"


def _as_data(agent: Agent) -> dict[str, Any]:
    from turnstream.cli.toolboxes import source

    tools = [getattr(toolbox, "name", None) or source(toolbox) for toolbox in agent.toolboxes]
    return {"name": agent.name, "model": agent.model.name, "tools": tools, "max_steps": agent.max_steps}


def _tool(toolbox: Toolbox) -> str:
    from turnstream.cli.toolboxes import source
    from turnstream.tools.python import FunctionTool
    from turnstream.tools.wrap import innermost

    if not isinstance(toolbox, FunctionTool):  # others may ask a server, which a check must not
        inner = innermost(toolbox)
        return f"  tools         of {f'python:{inner.name}' if type(inner) is FunctionTool else source(toolbox)}"
    summary = toolbox.spec.description.strip().splitlines()
    return f"  tool          {toolbox.name}{': ' + summary[0] if summary else ''}"


def _approvals(toolbox: Toolbox) -> list[str]:
    from turnstream.tools.wrap import approvals

    return [f"  approval      of {', '.join(one.calls)} by {_who(one)}" for one in approvals(toolbox)]


def _who(approved: Approved) -> str:
    if approved.ask is not None:
        return getattr(approved.ask, "__name__", type(approved.ask).__name__)
    kind, _, name = approved.by.partition(":")
    match kind:
        case "group":
            return f"the group {name}"
        case "scope":
            return f"whoever has the scope {name}"
        case _:
            return "the user, who is asked"


def _agent(agent: Agent) -> list[str]:
    lines = [f"agent {agent.name}", f"  model         {agent.model.name}"]
    for toolbox in agent.toolboxes:
        lines += [_tool(toolbox), *_approvals(toolbox)]
    if agent.instructions:
        lines.append(f"  instructions  {len(agent.instructions)} characters")
    timeout = f"{agent.run_timeout:g} s a run" if agent.run_timeout is not None else "no limit on time"
    return [*lines, f"  limits        {agent.max_steps} steps, {timeout}"]
