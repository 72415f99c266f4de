"""The server process: uvicorn with uvloop and httptools, and an end that drains."""

from __future__ import annotations

import asyncio
import errno
import gc
import importlib.util
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Literal

import uvicorn

from turnstream import errors, workers
from turnstream.server.app import Application, app
from turnstream.server.checks import check as check
from turnstream.server.state import State
from turnstream.server.worker import Link
from turnstream.service import ServerSettings, Service

log = logging.getLogger(__name__)

YOUNG = 10_000  # new objects before the collector looks at them; with the 700 of Python it looks once a request
LAST_WORDS = 3  # seconds for the errors that end the last streams to be sent
SWITCH = 0.001  # seconds after which a thread, of a tool or a long history, lets the loop go on
KEEP_ALIVE = 75  # seconds; longer than load balancers keep their idle connections, so that they close first


def serve(service: Service) -> None:
    """Serve in this process until SIGTERM or SIGINT. Raises `ConfigurationError` if that is not safe or possible."""
    if service.settings.workers > 1:
        raise errors.ConfigurationError("workers: several processes need the command: turnstream serve module:object")
    made = server(service)
    gc.collect()  # what the program that serves has left
    listener = listen(service.settings)
    if not logging.getLogger().hasHandlers():  # nobody would see the line of the log
        host, port = listener.getsockname()[:2]
        sys.stderr.write(f"Serving on http://{f'[{host}]' if ':' in host else host}:{port}. Ctrl-C ends it.\n")
    made.run_on(listener)


def server(
    service: Service,
    link: Link | None = None,
    *,
    serves_metrics: bool = True,
    load: Callable[[], Service] | None = None,
) -> Server:
    """``link`` is that of a worker. Of several, one serves the metrics on their own port. ``load`` loads the
    configuration anew, on SIGHUP."""
    check(service.settings, service.agents)
    state = State(service.settings, serves_metrics=serves_metrics)
    application = app(service, state, load, None if link is None else partial(_hang_up_parent, os.getppid()))
    config = uvicorn.Config(
        application,
        loop="uvloop" if importlib.util.find_spec("uvloop") else "asyncio",
        http=_http(state),  # type: ignore[arg-type]  # whatever makes a protocol
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # a layer that every piece of a stream would pass
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=LAST_WORDS,
    )
    return Server(config, state, service.settings.shutdown_grace, link, application)


def _hang_up_parent(parent: int) -> None:
    """It tells all of its workers. One that is gone has left them to another process."""
    if os.getppid() == parent:
        os.kill(parent, signal.SIGHUP)


def _http(state: State) -> Callable[..., asyncio.Protocol] | Literal["h11"]:
    if importlib.util.find_spec("httptools") is None:
        return "h11"
    from turnstream.server.connection import Connection

    return partial(Connection, state.sockets)


def listen(settings: ServerSettings) -> socket.socket:
    """``port`` 0 takes one that is free."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = (settings.host.strip("[]"), settings.port)
    try:
        listener = socket.create_server(address, family=family, backlog=workers.BACKLOG)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, workers.SEND_BUFFER)  # its connections have it from it
        return listener
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or error
        hint = " (--port 0 takes a free one)" if error.errno == errno.EADDRINUSE else ""
        raise errors.ConfigurationError(f"Cannot listen on {where}: {reason}{hint}.") from None


def listen_for_workers(settings: ServerSettings) -> list[socket.socket]:
    """A socket for each worker where the system spreads connections over them, else one for all."""
    first = listen(settings)  # it fails where another server is, which a socket that may be one of several does not
    if not workers.can_spread():
        return [first]
    address, listeners = first.getsockname(), []
    first.close()
    for _ in range(settings.workers):
        listeners.append(socket.socket(first.family, socket.SOCK_STREAM))
        workers.bind(listeners[-1], address)
        listeners[-1].listen(workers.BACKLOG)
    return listeners


class Server(uvicorn.Server):
    """The first signal drains: runs have ``grace`` seconds to finish, then they end with an error, then the server.
    The second ends the grace, the third waits for nothing. A worker takes these orders from its link, and any signal
    as the first. SIGHUP loads the configuration of ``application`` anew.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        state: State,
        grace: float,
        link: Link | None = None,
        application: Application | None = None,
    ) -> None:
        super().__init__(config)
        self.state, self._grace, self._link, self._application = state, grace, link, application
        self._reloading: asyncio.Task[None] | None = None
        self._hung_up = False
        self._until: float | None = None
        self._draining_is_logged = False

    def run_on(self, listener: socket.socket) -> None:
        if self._link is None:
            host, port = listener.getsockname()[:2]
            log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        # What is loaded by now stays. Without it, each full collection stops all streams for tens of milliseconds.
        gc.freeze()
        gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
        sys.setswitchinterval(SWITCH)
        self.heed_hangups()
        with listener:
            self.run(sockets=[listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._link is not None:
            self._link.open(self.follow)

    def heed_hangups(self) -> None:
        """From now on SIGHUP loads the configuration anew, as soon as the server runs."""
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGHUP, self._hang_up)

    def _hang_up(self, sig: int, frame: FrameType | None) -> None:
        self._hung_up = True

    async def _reload(self) -> None:
        """The log says how it went."""
        try:
            if self._application is not None:
                await self._application.reload()
        except errors.TurnstreamError as error:
            log.error("the configuration was not reloaded, and nothing has changed: %s", error.message)
        except Exception:  # whatever is wrong with it: the server goes on as it is
            log.exception("the configuration was not reloaded, and nothing has changed")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._until is None:
            self.drain()
        elif self._link is not None:
            pass
        elif now < self._until:
            self._until = now
        else:
            self.should_exit = self.force_exit = True

    def follow(self, orders: int) -> None:
        """What a worker is told: the first order is to drain, the second ends the grace, the third all."""
        if self._until is None:
            self.drain()
        if orders > 1:
            self._until = time.monotonic()
        if orders > 2:
            self.should_exit = self.force_exit = True

    def drain(self) -> None:
        """Also from a signal handler, so nothing is logged here."""
        self.state.draining = True
        self._until = time.monotonic() + self._grace

    async def on_tick(self, counter: int) -> bool:
        if self._hung_up and (self._reloading is None or self._reloading.done()):
            self._hung_up = False
            self._reloading = asyncio.create_task(self._reload())
        if self._until is not None and not self._draining_is_logged:
            self._draining_is_logged = True
            if runs := len(self.state.runs.live):
                log.info("draining: %d run%s %g seconds to finish", runs, "s have" if runs > 1 else " has", self._grace)
            else:
                log.info("exiting: no run is left")
            self.state.empty_queue()
            if self.state.triggers is not None and self.state.triggers.scheduler is not None:
                await self.state.triggers.scheduler.stop()
            # Another server goes on with the runs of a store, and need not wait.
            if self.state.keeper is not None and self.state.keeps_runs:
                await self.state.keeper.leave()
        if self._until is not None and not (self.state.runs.live and time.monotonic() < self._until):
            self.state.end_all()
            self.should_exit = True
        return await super().on_tick(counter)
