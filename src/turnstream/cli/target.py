"""From what the user named, or did not name, to a service."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from turnstream import errors

if TYPE_CHECKING:
    from turnstream.service import Service

SECONDS = 10.0
"""How long a running server has to say which agents it has."""


def load_service(target: str | None, model: str | None = None, *, skipped: list[str] | None = None) -> Service:
    """The service of a named or usual configuration. Raises `ConfigurationError` if there is none."""
    from turnstream.config import environment, find, load

    found = target or find(Path())
    if found is None:
        raise errors.ConfigurationError(
            "there is no agent.yaml and no agents/ here. Name a configuration, or run `turnstream dev`, "
            "which works without one."
        )
    environment.export(Path(found))
    return _with_model(load(found, skipped=skipped), model)


class Loader:
    """Loads a named or usual configuration, and again when it has changed. ``finish`` is what the command line has to
    say about the service."""

    def __init__(self, target: str | None, model: str | None, finish: Callable[[Service], Service]) -> None:
        self._target, self._model, self._finish = target, model, finish
        self._environ = dict(os.environ)  # before a file `.env` adds to it: that may be another one next time

    def first(self) -> Service:
        return self._finish(load_service(self._target, self._model))

    @property
    def again(self) -> Callable[[], Service] | None:
        """None for a target in Python: its module is loaded once."""
        from turnstream.config import find

        found = self._target or find(Path())
        path = None if found is None else Path(found)
        return self._load if path is not None and path.exists() and path.suffix != ".py" else None

    def _load(self) -> Service:
        from turnstream.config import environment, find, load

        found = self._target or find(Path())
        if found is None:
            raise errors.ConfigurationError("the configuration is gone: there is no agent.yaml and no agents/")
        environ = environment.read(Path(found), self._environ)
        service = self._finish(_with_model(load(found, environ), self._model))
        os.environ.update(environ)  # for tools that look there
        return service


def find_service(target: str | None, model: str | None = None) -> tuple[Service, str]:
    """The service of a configuration if there is one, else a starter agent; and a sentence that says which and why."""
    from turnstream.config import environment, find, load
    from turnstream.config.starter import starter

    found = target or find(Path())
    environment.export(Path(found or "agent.yaml"))
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
    """A running server, as the model of an agent without tools: it runs its own. Without a name, its first agent."""
    from turnstream import providers
    from turnstream.agent import Agent
    from turnstream.service import Service

    base = url.rstrip("/").removesuffix("/v1") + "/v1"
    names = _agents(base, key)
    name = agent or next(iter(names), "agent")
    if agent is not None and names and agent not in names:
        raise errors.ConfigurationError(f"the server has no agent {agent!r}; it has: {', '.join(names)}")
    model = providers.model(f"openai-compatible:{name}", base_url=base, api_key=key or "none", environ=os.environ)
    return Service({name: Agent(model, name=name)}), f"Server: {base}, agent {name}"


def _agents(base: str, key: str | None) -> list[str]:
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        request = Request(f"{base}/models", headers={"authorization": f"Bearer {key}"} if key else {})
        with urlopen(request, timeout=SECONDS) as answer:
            return [str(model["id"]) for model in json.load(answer)["data"]]
    except HTTPError as error:
        with error:
            wants = " It wants a key: --key, or TURNSTREAM_KEY." if error.code in (401, 403) else ""
            raise errors.ConfigurationError(f"the server at {base} answers with status {error.code}.{wants}") from None
    except (URLError, OSError, ValueError):
        raise errors.ConfigurationError(f"no server answers at {base}") from None
    except (LookupError, TypeError):
        return []  # its list of models has another form: it may still answer
