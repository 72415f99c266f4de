"""Several processes that serve one address: what they are started with, and what they tell each other.

The parent (`turnstream.parent`) serves nothing itself. It holds the listening sockets: one for each worker where the
system spreads connections over several (SO_REUSEPORT on Linux), else one for all. So connections that come while a
worker is replaced wait for the new one.

A worker has a link to its parent, a socket. Over it the worker says that it is ready, and is told to drain, to end the
grace, to end at once. That goes by the link and not by signals, because whoever ends a service may signal all of its
processes: the same order twice must not be two. A worker whose link has ended has lost its parent, and drains.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import asdict, dataclass
from typing import Any, Literal

DRAIN, END, FORCE = ORDERS = (b"d", b"e", b"f")
READY = b"r"
BACKLOG = 2048
SEND_BUFFER = 128 * 1024  # the system's, of a connection: else it takes megabytes ahead of a client that does not read
METRICS = "PROMETHEUS_MULTIPROC_DIR"  # the variable that says where the workers of a server add up what they count


@dataclass(frozen=True, slots=True)
class Plan:
    """``command`` and ``arguments`` start a worker; its number and descriptors come between them. ``listeners`` are
    inherited descriptors: one for each worker, or one for all. ``grace`` is what runs have when they are to stop."""

    command: list[str]
    arguments: list[str]
    listeners: list[int]
    count: int
    grace: float
    level: str = "info"
    format: Literal["text", "json"] = "text"
    metrics: bool = False


def can_spread() -> bool:
    """Whether the system spreads connections over several sockets of one address. Others let the last one have all."""
    return sys.platform == "linux"


def replace_process(plan: Plan) -> None:
    """This process becomes the parent: it keeps its id, and gives back the memory of all that it has loaded."""
    for descriptor in plan.listeners:
        os.set_inheritable(descriptor, True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "turnstream.parent", json.dumps(asdict(plan))])


def bind(listener: socket.socket, address: Any) -> None:
    """One of several sockets of an address. No connection comes to it until somebody listens."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(address)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
