"""``turnstream serve --workers N``: what is checked and said before this process becomes the parent of the workers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from turnstream import errors
from turnstream.cli import declare

if TYPE_CHECKING:
    from turnstream.service import Service

OWN = "worker"  # the option that makes a process one of the workers


KEEPS_NOTHING = "  Warning: nothing is kept: several workers need --store postgres://… to share threads and runs."


def start(
    service: Service,
    context: declare.Context,
    level: str,
    format: Literal["auto", "text", "json"],
    *,
    keeps_nothing: bool = False,
) -> None:
    """Does not return. Raises `ConfigurationError` for what cannot be served, or not by several processes."""
    from turnstream import redaction, workers
    from turnstream.cli.serve import announce
    from turnstream.runs import stores
    from turnstream.server.run import listen_for_workers, server
    from turnstream.telemetry import logs

    settings = service.settings
    if os.name != "posix":
        raise errors.ConfigurationError("workers: several processes need a POSIX system; use one, and more servers")
    is_json = logs.set_up(level, format, sys.stderr, {*service.secrets, *redaction.of_url(settings.store)})
    asyncio.run(stores.probe(settings.store, service.folder))
    server(service)  # what is wrong with it is said once, here
    listeners = listen_for_workers(settings)
    count = f"  {settings.workers} workers"
    announce(service, listeners[0], is_json, count, *([KEEPS_NOTHING] if keeps_nothing else []))
    plan = workers.Plan(
        command=[sys.executable, "-m", "turnstream", *(["--debug"] if context.debug else []), "serve"],
        arguments=list(_words(context)),
        listeners=[listener.detach() for listener in listeners],
        count=settings.workers,
        grace=settings.shutdown_grace,
        level=level,
        format="json" if is_json else "text",
        metrics=bool(settings.metrics) or settings.metrics_port is not None,
    )
    workers.replace_process(plan)


def _words(context: declare.Context) -> Iterator[str]:
    """The command's options and arguments, as they were understood. What came from the environment stays there: the
    address of a store has a password, and everybody on the machine may read a command line."""
    arguments = []
    for one in declare.parameters(context.command):
        value = context.values[one.name]
        if value is None or value is False or one.name == OWN or one.name in context.inherited:
            continue
        if isinstance(one.declared, declare.Argument):
            arguments.append(str(value))
        else:
            yield from (one.flags[0],) if value is True else (one.flags[0], str(value))
    yield from ("--", *arguments) if arguments else ()
