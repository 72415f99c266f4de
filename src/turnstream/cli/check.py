"""``turnstream check``: what a configuration would run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from turnstream.agent import Agent
    from turnstream.protocols import Toolbox
    from turnstream.service import Service


def check(
    target: Annotated[str, typer.Argument(metavar="FILE", help="agent.yaml, a folder of them, or module:agent.")],
) -> None:
    """Say what a configuration would run, or what is wrong.

    Nothing is started, and nothing is sent.

    Example: turnstream check agent.yaml
    """
    from turnstream.config import load

    service = load(target)
    typer.echo("\n".join(report(service)))


def report(service: Service) -> list[str]:
    settings = service.settings
    lines = [line for agent in service.agents.values() for line in _agent(agent)]
    keys = f"{len(settings.keys)} API keys" if settings.keys else "no API key"
    return [*lines, f"server: {settings.host}:{settings.port}, {keys}, statuses {settings.statuses}"]


def _tool(toolbox: Toolbox) -> str:
    from turnstream.cli.tools import source
    from turnstream.tools.python import FunctionTool
    from turnstream.tools.wrap import innermost

    if not isinstance(toolbox, FunctionTool):  # others may ask a server, which a check must not
        inner = innermost(toolbox)
        return f"  tools         of {f'python:{inner.name}' if type(inner) is FunctionTool else source(toolbox)}"
    summary = toolbox.spec.description.strip().splitlines()
    return f"  tool          {toolbox.name}{': ' + summary[0] if summary else ''}"


def _approvals(toolbox: Toolbox) -> list[str]:
    from turnstream.tools.wrap import approvals

    return [f"  approval      of {', '.join(one.calls)} by {_who(one.ask)}" for one in approvals(toolbox)]


def _who(ask: object) -> str:
    if ask is None:
        return "the person in turnstream chat; a server refuses these calls"
    return getattr(ask, "__name__", type(ask).__name__)


def _agent(agent: Agent) -> list[str]:
    lines = [f"agent {agent.name}", f"  model         {agent.model.name}"]
    for toolbox in agent.toolboxes:
        lines += [_tool(toolbox), *_approvals(toolbox)]
    if agent.instructions:
        lines.append(f"  instructions  {len(agent.instructions)} characters")
    timeout = f"{agent.run_timeout:g} s a run" if agent.run_timeout is not None else "no limit on time"
    return [*lines, f"  limits        {agent.max_steps} steps, {timeout}"]
