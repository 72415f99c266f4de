"""From what the user named, or did not name, to a service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from turnstream.events import ConfigurationError

if TYPE_CHECKING:
    from turnstream.service import Service


def configured(target: str | None, model: str | None = None) -> Service:
    """The service of a named or usual configuration. Raises `ConfigurationError` if there is none."""
    from turnstream.config import find, load

    found = target or find(Path())
    if found is None:
        raise ConfigurationError(
            "there is no agent.yaml and no agents/ here. Name a configuration, or run `turnstream dev`, "
            "which works without one."
        )
    return _with_model(load(found), model)


def discovered(target: str | None, model: str | None = None) -> tuple[Service, str]:
    """The service of a configuration if there is one, else a starter agent; and a sentence that says which and why."""
    from turnstream.config import find, load
    from turnstream.config.starter import starter

    found = target or find(Path())
    if found is not None:
        return _with_model(load(found), model), f"Configuration: {found}"
    return starter(os.environ, model)


def _with_model(service: Service, model: str | None) -> Service:
    if model is not None:
        from turnstream import providers

        for agent in service.agents.values():
            agent.model = providers.model(model)
    return service


def remote(url: str, agent: str | None, key: str | None) -> tuple[Service, str]:
    """A running server, as the model of an agent without tools: it runs its own."""
    from turnstream import providers
    from turnstream.agent import Agent
    from turnstream.service import Service

    base = url.rstrip("/").removesuffix("/v1") + "/v1"
    model = providers.model(
        f"openai-compatible:{agent or 'agent'}", base_url=base, api_key=key or "none", environ=os.environ
    )
    name = agent or "agent"
    return Service({name: Agent(model, name=name)}), f"Server: {base}"
