"""``turnstream check``: what a configuration would run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from turnstream.agent import Agent
    from turnstream.service import Service


def check(
    target: Annotated[str, typer.Argument(metavar="FILE", help="agent.yaml, a folder of them, or module:agent.")],
) -> None:
    """Say what a configuration would run, or what is wrong.

    Nothing is started, and nothing is sent.

    Example: turnstream check agent.yaml
    """
    import asyncio

    from turnstream.config import load

    service = load(target)
    lines = asyncio.run(report(service))
    typer.echo("\n".join(lines))


async def report(service: Service) -> list[str]:
    settings = service.settings
    lines = [line for agent in service.agents.values() for line in await _agent(agent)]
    keys = f"{len(settings.keys)} API keys" if settings.keys else "no API key"
    return [*lines, f"server: {settings.host}:{settings.port}, {keys}, statuses {settings.statuses}"]


async def _agent(agent: Agent) -> list[str]:
    from turnstream.events import RunContext

    lines = [f"agent {agent.name}", f"  model         {agent.model.name}"]
    for toolbox in agent.toolboxes:
        for spec in await toolbox.tools(RunContext()):
            summary = spec.description.strip().splitlines()
            lines.append(f"  tool          {spec.name}{': ' + summary[0] if summary else ''}")
    if agent.instructions:
        lines.append(f"  instructions  {len(agent.instructions)} characters")
    timeout = f"{agent.run_timeout:g} s a run" if agent.run_timeout is not None else "no limit on time"
    return [*lines, f"  limits        {agent.max_steps} steps, {timeout}"]
