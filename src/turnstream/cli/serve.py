"""``turnstream serve``: the server, for production."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from turnstream.cli.advice import advise
from turnstream.cli.approval import unanswered
from turnstream.cli.options import Host, ModelName, Port, StoreUrl, Target, Unauthenticated

if TYPE_CHECKING:
    import socket

    from turnstream.service import Service


Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["auto", "text", "json"]


def serve(
    target: Target = None,
    host: Host = None,
    port: Port = None,
    model: ModelName = None,
    store: StoreUrl = None,
    allow_unauthenticated: Unauthenticated = False,
    log_level: Annotated[
        Level, typer.Option(help="How much to log.", envvar="LOG_LEVEL", case_sensitive=False)
    ] = "info",
    log_format: Annotated[
        Format, typer.Option(help="Lines of the log; auto is text on a terminal, else JSON.", envvar="LOG_FORMAT")
    ] = "auto",
    otel: Annotated[
        bool, typer.Option("--otel", help="Send traces by OpenTelemetry, also without OTEL_EXPORTER_OTLP_ENDPOINT.")
    ] = False,
) -> None:
    """Serve the agents of a configuration until SIGTERM or Ctrl-C.

    Example: turnstream serve agent.yaml --port 8080
    """
    from turnstream.cli.target import configured

    service = with_settings(configured(target, model), host, port, allow_unauthenticated, store)
    run(service, log_level=log_level, log_format=log_format, otel=otel)


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


def run(
    service: Service,
    *,
    log_level: str = "info",
    log_format: Format = "text",
    otel: bool = False,
    listener: socket.socket | None = None,
) -> None:
    """Serve until told to stop. Raises `ConfigurationError` if that is not safe or not possible."""
    import asyncio

    from turnstream.runs import stores
    from turnstream.server.run import listen, server
    from turnstream.telemetry import logs
    from turnstream.telemetry import otel as telemetry

    is_json = logs.set_up(log_level, log_format, sys.stderr)
    asyncio.run(stores.probe(service.settings.store, service.folder))
    send_last = None
    if otel or telemetry.is_wanted(os.environ):
        traces, send_last = telemetry.set_up(os.environ)
        service.watches += (traces.watch,)
    made = server(service)
    listener = listener or listen(service.settings)
    told = banner(service, *listener.getsockname()[:2])
    if is_json:
        for line in told.splitlines():
            logging.getLogger("turnstream").info("%s", line.strip())
    else:
        typer.echo(told, err=True)
    made.run_on(listener)
    if send_last is not None:
        send_last()


def banner(service: Service, host: str, port: int) -> str:
    """What is served, and where."""
    from turnstream.server.endpoints import playground

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
    if playground.is_served(service.settings):
        lines.append(f"{address}/  chat in the browser, and each run taken apart")
    return "\n".join(lines)
