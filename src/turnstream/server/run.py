"""The server process: uvicorn with uvloop and httptools, and an end that drains."""

from __future__ import annotations

import asyncio
import errno
import gc
import importlib.util
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType
from typing import Literal

import uvicorn

from turnstream import errors
from turnstream.identity import keys
from turnstream.server import addresses
from turnstream.server.app import app
from turnstream.server.state import State
from turnstream.service import ServerSettings, Service

log = logging.getLogger(__name__)

SEND_BUFFER = 128 * 1024  # the system's, of a connection: else it takes megabytes ahead of a client that does not read
LAST_WORDS = 3  # seconds for the errors that end the last streams to be sent
KEEP_ALIVE = 75  # seconds; longer than load balancers keep their idle connections, so that they close first


def serve(service: Service) -> None:
    """Serve until SIGTERM or SIGINT. Raises `ConfigurationError` if that is not safe or not possible."""
    made = server(service)
    listener = listen(service.settings)
    if not logging.getLogger().hasHandlers():  # nobody would see the line of the log
        host, port = listener.getsockname()[:2]
        sys.stderr.write(f"Serving on http://{f'[{host}]' if ':' in host else host}:{port}. Ctrl-C ends it.\n")
    made.run_on(listener)


def server(service: Service) -> Server:
    check(service.settings, service.agents)
    state = State(service.settings)
    config = uvicorn.Config(
        app(service, state),
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
    return Server(config, state, service.settings.shutdown_grace)


def _http(state: State) -> Callable[..., asyncio.Protocol] | Literal["h11"]:
    if importlib.util.find_spec("httptools") is None:
        return "h11"
    from turnstream.server.connection import Connection

    return partial(Connection, state.sockets)


def check(settings: ServerSettings, agents: Iterable[str] = ()) -> None:
    """A server that others can reach needs keys, unless its operator says that it does not."""
    keys.check(settings.keys, agents)
    if settings.asks_who or settings.allow_unauthenticated or addresses.is_loopback(settings.host):
        return
    raise errors.ConfigurationError(
        f"The server would listen on {settings.host} without any API key: set keys, or allow it with"
        " allow_unauthenticated (--allow-unauthenticated)."
    )


def listen(settings: ServerSettings) -> socket.socket:
    """``port`` 0 takes one that is free."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host.strip("[]"), settings.port), family=family, backlog=2048)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # its connections have it from it
        return listener
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or error
        hint = " (--port 0 takes a free one)" if error.errno == errno.EADDRINUSE else ""
        raise errors.ConfigurationError(f"Cannot listen on {where}: {reason}{hint}.") from None


class Server(uvicorn.Server):
    """The first signal drains: runs have ``grace`` seconds to finish, then they end with an error, then the server.
    The second ends the grace, the third waits for nothing.
    """

    def __init__(self, config: uvicorn.Config, state: State, grace: float) -> None:
        super().__init__(config)
        self.state, self._grace = state, grace
        self._until: float | None = None
        self._draining_is_logged = False

    def run_on(self, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        # What is loaded by now stays. Without it, each full collection stops all streams for tens of milliseconds.
        gc.collect()
        gc.freeze()
        with listener:
            self.run(sockets=[listener])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._until is None:
            self.drain()
        elif now < self._until:
            self._until = now
        else:
            self.should_exit = self.force_exit = True

    def drain(self) -> None:
        """Also from a signal handler, so nothing is logged here."""
        self.state.draining = True
        self._until = time.monotonic() + self._grace

    async def on_tick(self, counter: int) -> bool:
        if self._until is not None and not self._draining_is_logged:
            self._draining_is_logged = True
            log.info("draining: %d runs have %g seconds to finish", len(self.state.runs.live), self._grace)
            if self.state.scheduler is not None:
                await self.state.scheduler.stop()
            if self.state.keeper is not None:  # another server goes on with kept runs, and need not wait
                await self.state.keeper.leave()
        if self._until is not None and not (self.state.runs.live and time.monotonic() < self._until):
            self.state.end_all()
            self.should_exit = True
        return await super().on_tick(counter)
