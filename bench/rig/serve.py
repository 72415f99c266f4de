"""The server stack that every server under test runs on: uvicorn, uvloop, httptools, one process."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import uvicorn

from bench.rig.process import announce, raise_file_limit

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


def serve(app: App) -> None:
    """Serve until terminated, on a port that the system chooses."""
    raise_file_limit()
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="warning", access_log=False, backlog=2048)
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        announce(listener.getsockname()[1])
        uvicorn.Server(config).run(sockets=[listener])
