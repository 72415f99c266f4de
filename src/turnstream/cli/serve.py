"""``turnstream serve``: the server, for production."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from turnstream.cli.advice import advise
from turnstream.cli.approval import unanswered
from turnstream.cli.options import Host, ModelName, Port, StoreUrl, Target, Unauthenticated

if TYPE_CHECKING:
    import socket

    from turnstream.service import Service


Level: TypeAlias = Literal["debug", "info", "warning", "error"]


def serve(
    target: Target = None,
    host: Host = None,
    port: Port = None,
    model: ModelName = None,
    store: StoreUrl = None,
    allow_unauthenticated: Unauthenticated = False,
    log_level: Annotated[Level, typer.Option(help="How much to log.")] = "info",
) -> None:
    """Serve the agents of a configuration until SIGTERM or Ctrl-C.

    Example: turnstream serve agent.yaml --port 8080
    """
    from turnstream.cli.target import configured

    service = with_settings(configured(target, model), host, port, allow_unauthenticated, store)
    run(service, log_level=log_level)


def with_settings(
    service: Service,
    host: str | None = None,
    port: int | None = None,
    allow_unauthenticated: bool = False,
    store: str | None = None,
) -> Service:
    """The command line has the last word over the file."""
    if store is not None:
        from turnstream.runs import stores

        stores.check(store)
    given = {"host": host, "port": port, "allow_unauthenticated": allow_unauthenticated or None, "store": store}
    changes = {key: value for key, value in given.items() if value is not None}
    service.settings = dataclasses.replace(service.settings, **changes)  # type: ignore[arg-type]
    return service


def run(service: Service, *, log_level: str = "info", listener: socket.socket | None = None) -> None:
    """Serve until told to stop. Raises `ConfigurationError` if that is not safe or not possible."""
    import asyncio
    import logging

    from turnstream.runs import stores
    from turnstream.server.run import listen, server

    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its start and stop are said by ours
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells each request with its URL, which may hold a key
    asyncio.run(stores.probe(service.settings.store, service.folder))
    made = server(service)
    listener = listener or listen(service.settings)
    typer.echo(banner(service, *listener.getsockname()[:2]), err=True)
    made.run_on(listener)


def banner(service: Service, host: str, port: int) -> str:
    """What is served, and where."""
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    lines = [f"{address}/v1  for clients of OpenAI's API", f"{address}/docs  API reference"]
    for agent in service.agents.values():
        lines.append(f"  {agent.name}  ({agent.model.name})")
        if refused := unanswered(agent):
            lines.append(
                f"  Warning: calls of {', '.join(refused)} need approval, and nobody can be asked here: they are"
            )
            lines.append("  refused. approve.ask names a function that decides.")
    lines += [f"  Warning: {warning}." for warning in advise(service)]
    return "\n".join(lines)
