"""What the connections of a server may hold together, and who is left when it is too much.

What a client has not taken yet waits in its connection's buffer. That of one stream is small, because whoever writes
waits for it, but a whole answer is written at once, thousands of slow readers add up, and a connection that is closed
stays until its last byte is taken. So a client must keep a pace: `PACE` bytes in each ``send_timeout``, or all that
waits. And beyond ``most_held`` bytes in all, those that have waited longest are left.

A connection that is left is aborted: closing it would wait for the client once more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

log = logging.getLogger(__name__)

PACE = 64 * 1024
LONGEST_ROUND = 5.0  # seconds between two looks at all connections


class _Mark(NamedTuple):
    size: int  # bytes that waited
    time: float


class Sockets:
    """The open connections of a server, by their transports. ``refused`` hears the status and code of what was refused
    on one before there was a request."""

    def __init__(
        self,
        most: int,
        most_held: int,
        send_timeout: float,
        refused: Callable[[int, str], None] = lambda status, code: None,
    ) -> None:
        self.refused = refused
        self._most, self._most_held, self._send_timeout = most, most_held, send_timeout
        self._open: dict[asyncio.Transport, _Mark | None] = {}
        self._full: dict[asyncio.Transport, int] = {}  # those whose writers wait, the longest first, and their bytes
        self._held = 0  # the sum of these
        self._timer: asyncio.TimerHandle | None = None

    @property
    def count(self) -> int:
        return len(self._open)

    @property
    def held(self) -> int:
        """Bytes that wait for clients."""
        return sum(transport.get_write_buffer_size() for transport in self._open)

    def add(self, transport: asyncio.Transport) -> bool:
        """False if there are too many already."""
        if len(self._open) >= self._most:
            return False
        self._open[transport] = None
        if self._timer is None:
            self._wind()
        return True

    def discard(self, transport: asyncio.Transport) -> None:
        self._open.pop(transport, None)
        self.take_off(transport)
        if not self._open and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def put_on(self, transport: asyncio.Transport) -> None:
        """Its writer waits for the client from now on."""
        self.take_off(transport)
        self._full[transport] = size = transport.get_write_buffer_size()
        self._held += size
        if self._held > self._most_held:
            self._recount()
            self._leave_slowest(self._held, self._full)

    def take_off(self, transport: asyncio.Transport) -> None:
        self._held -= self._full.pop(transport, 0)

    # ---------------------------------------------------------------------------------------------------------- look

    def _wind(self) -> None:
        seconds = min(self._send_timeout / 4, LONGEST_ROUND)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Leave those that do not keep the pace, and the slowest if together they hold too much."""
        self._wind()
        now, held = asyncio.get_running_loop().time(), 0
        for transport, mark in tuple(self._open.items()):
            size = transport.get_write_buffer_size()
            held += size
            if size == 0:
                self._open[transport] = None
            elif mark is None or size > mark.size or mark.size - size >= PACE:
                self._open[transport] = _Mark(size, now)
            elif now - mark.time > self._send_timeout:
                log.info("aborted: client stopped reading for %.0f s", now - mark.time)
                transport.abort()
        if held > self._most_held:
            waiting = [transport for transport, mark in self._open.items() if mark is not None]
            self._leave_slowest(held, sorted(waiting, key=self._since))

    def _since(self, transport: asyncio.Transport) -> float:
        mark = self._open[transport]
        return 0.0 if mark is None else mark.time

    def _recount(self) -> None:
        """Clients may have taken some since their writers began to wait."""
        self._full = {transport: transport.get_write_buffer_size() for transport in self._full}
        self._held = sum(self._full.values())

    def _leave_slowest(self, held: int, slowest: Iterable[asyncio.Transport]) -> None:
        for transport in tuple(slowest):
            if held <= self._most_held:
                return
            held -= transport.get_write_buffer_size()
            self.take_off(transport)
            log.info("aborted: too many bytes wait for slow clients, and this one is the slowest")
            transport.abort()
