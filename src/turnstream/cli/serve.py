"""``turnstream serve``: the server, for production."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from turnstream.cli.options import Host, ModelName, Port, Target, Unauthenticated

if TYPE_CHECKING:
    from turnstream.service import Service


def serve(
    target: Target = None,
    host: Host = None,
    port: Port = None,
    model: ModelName = None,
    allow_unauthenticated: Unauthenticated = False,
) -> None:
    """Serve the agents of a configuration until SIGTERM or Ctrl-C.

    Example: turnstream serve agent.yaml --port 8080
    """
    from turnstream.cli.target import configured

    service = with_settings(configured(target, model), host, port, allow_unauthenticated)
    run(service)


def with_settings(
    service: Service, host: str | None = None, port: int | None = None, allow_unauthenticated: bool = False
) -> Service:
    """The command line has the last word over the file."""
    given = {"host": host, "port": port, "allow_unauthenticated": allow_unauthenticated or None}
    changes = {key: value for key, value in given.items() if value is not None}
    service.settings = dataclasses.replace(service.settings, **changes)  # type: ignore[arg-type]
    return service


def run(service: Service) -> None:
    from turnstream.events import ConfigurationError

    raise ConfigurationError("serve is not there yet")
