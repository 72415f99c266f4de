"""A worker's side of its link to the process that started it: `turnstream.workers` says what goes over it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from turnstream import workers


class Link:
    """Reads orders while the loop runs. A parent that is gone orders to drain: nobody would ever end us."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        end.set_inheritable(False)
        self._end = end

    def open(self, follow: Callable[[int], None]) -> None:
        """Say that the worker is ready. ``follow`` is told how many of the `ORDERS` there were."""
        asyncio.get_running_loop().add_reader(self._end, self._hear, follow)
        with contextlib.suppress(OSError):
            self._end.send(workers.READY)

    def _hear(self, follow: Callable[[int], None]) -> None:
        try:
            heard = self._end.recv(64)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if not heard:
            asyncio.get_running_loop().remove_reader(self._end)
            heard = workers.DRAIN
        follow(1 + max(workers.ORDERS.index(bytes([order])) for order in heard))


def place(text: str) -> tuple[int, socket.socket, Link]:
    """The number of a worker, its listening socket and its link, as `turnstream.workers` names them."""
    number, listener, link = map(int, text.split(":"))
    inherited = socket.socket(fileno=listener)
    inherited.set_inheritable(False)
    return number, inherited, Link(socket.socket(fileno=link))
