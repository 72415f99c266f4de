"""``turnstream serve``: the server, for production."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from turnstream.cli.advice import advise
from turnstream.cli.approval import find_unanswered
from turnstream.cli.declare import Context, Option
from turnstream.cli.options import Host, ModelName, Port, StoreUrl, Target, Unauthenticated, Workers

if TYPE_CHECKING:
    import socket

    from turnstream.service import Service


Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["auto", "text", "json"]


def serve(
    context: Context,
    target: Target = None,
    host: Host = None,
    port: Port = None,
    model: ModelName = None,
    store: StoreUrl = None,
    allow_unauthenticated: Unauthenticated = False,
    workers: Workers = None,
    log_level: Annotated[Level, Option(help="How much to log.", envvar="LOG_LEVEL", case_sensitive=False)] = "info",
    log_format: Annotated[
        Format, Option(help="Lines of the log; auto is text on a terminal, else JSON.", envvar="LOG_FORMAT")
    ] = "auto",
    otel: Annotated[
        bool, Option("--otel", help="Send traces by OpenTelemetry, also without OTEL_EXPORTER_OTLP_ENDPOINT.")
    ] = False,
    worker: Annotated[str | None, Option(hidden=True)] = None,
) -> None:
    """Serve the agents of a configuration until SIGTERM or Ctrl-C.

    Example: turnstream serve agent.yaml --port 8080

    Example: turnstream serve agent.yaml --workers 4 --store postgres://…
    """
    from turnstream.cli.target import Loader

    keeps_nothing = False

    def finish(service: Service) -> Service:
        nonlocal keeps_nothing
        service = with_settings(service, host, port, allow_unauthenticated, store, workers)
        keeps_nothing = fit_store(service)
        return service

    loader = Loader(target, model, finish)
    with _without_collector():
        service = loader.first()
    if worker is None and service.settings.workers > 1:
        from turnstream.cli import workers as parent

        parent.start(service, context, log_level, log_format, keeps_nothing=keeps_nothing)
    run(service, log_level=log_level, log_format=log_format, otel=otel, worker=worker, load=loader.again)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """What is loaded here stays, so nothing is gained by looking for what does not, now or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def with_settings(
    service: Service,
    host: str | None = None,
    port: int | None = None,
    allow_unauthenticated: bool = False,
    store: str | None = None,
    workers: int | None = None,
) -> Service:
    """The command line has the last word over the file."""
    if store is not None:
        from turnstream.runs import stores

        stores.check(store)
    given = {"host": host, "port": port, "allow_unauthenticated": allow_unauthenticated or None, "store": store}
    changes = {key: value for key, value in {**given, "workers": workers}.items() if value is not None}
    service.settings = dataclasses.replace(service.settings, **changes)  # type: ignore[arg-type]
    return service


def fit_store(service: Service) -> bool:
    """Choose the store of several workers. Whether nothing is kept for their sake alone."""
    from turnstream.runs import stores

    before = service.settings
    service.settings = dataclasses.replace(before, store=stores.for_workers(before.store, before.workers))
    return service.settings.store != before.store


def run(
    service: Service,
    *,
    log_level: str = "info",
    log_format: Format = "text",
    otel: bool = False,
    listener: socket.socket | None = None,
    worker: str | None = None,
    load: Callable[[], Service] | None = None,
) -> None:
    """Serve until told to stop, as one of several processes if ``worker`` says its place. ``load`` loads the
    configuration anew. Raises `ConfigurationError` if that is not safe or not possible."""
    import asyncio

    with _without_collector():
        from turnstream import redaction
        from turnstream.runs import stores
        from turnstream.server import worker as workers
        from turnstream.server.run import listen, server
        from turnstream.telemetry import logs, otel as telemetry

    secrets = {*service.secrets, *redaction.of_url(service.settings.store)}
    is_json = logs.set_up(log_level, log_format, sys.stderr, secrets)
    asyncio.run(stores.probe(service.settings.store, service.folder))
    send_last = None
    if otel or telemetry.is_wanted(os.environ):
        traces, send_last = telemetry.set_up(os.environ)
        service.watches += (traces.watch,)
    again = None if load is None else _as_at_first(load)
    if worker is not None:
        number, listener, link = workers.place(worker)
        made = server(service, link, serves_metrics=number == 1, load=again)
    else:
        made = server(service, load=again)
        made.heed_hangups()
        listener = listener or listen(service.settings)
        announce(service, listener, is_json)
    made.run_on(listener)
    if send_last is not None:
        send_last()


def _as_at_first(load: Callable[[], Service]) -> Callable[[], Service]:
    """The same, with what was done to the first configuration: the store of several workers, and no secret in a line
    of the log."""

    def again() -> Service:
        from turnstream.telemetry import logs

        service = load()
        fit_store(service)
        logs.redact_also(service.secrets)
        return service

    return again


def announce(service: Service, listener: socket.socket, is_json: bool, *more: str) -> None:
    """Say what is served, and where: for people on a terminal, else as lines of the log."""
    told = "\n".join([banner(service, *listener.getsockname()[:2]), *more])
    if is_json:
        for line in told.splitlines():
            logging.getLogger("turnstream").info("%s", line.strip())
    else:
        sys.stderr.write(f"{told}\n")


def banner(service: Service, host: str, port: int) -> str:
    """What is served, and where."""
    from turnstream.server.endpoints import playground

    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    lines = [f"{address}/v1  for clients of OpenAI's API", f"{address}/docs  API reference"]
    for agent in service.agents.values():
        lines.append(f"  {agent.name}  ({agent.model.name})")
        if asked := find_unanswered(agent):
            lines.append(f"  calls of {', '.join(asked)} wait for a person's approval")
    lines += [f"  Warning: {warning}." for warning in advise(service)]
    if playground.is_served(service.settings):
        lines.append(f"{address}/  chat in the browser, and each run taken apart")
    return "\n".join(lines)
