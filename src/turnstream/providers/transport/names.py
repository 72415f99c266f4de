"""Connecting to a host by its name."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, TypeAlias

import aiohappyeyeballs

_FAMILY_DELAY = 0.25  # seconds that IPv6 has ahead of IPv4 (RFC 8305)

_Name: TypeAlias = tuple[str, int]


class Names:
    """Of one event loop. Those who look for a name at the same time ask for it once: a loop asks for four at a time,
    and a thousand streams that begin together would wait for each other."""

    def __init__(self) -> None:
        self._lookups: dict[_Name, asyncio.Future[list[Any]]] = {}

    async def connect(self, host: str, port: int) -> socket.socket:
        """A socket that is connected to one of the addresses that the name stands for. Raises `OSError`."""
        loop, name = asyncio.get_running_loop(), (host, port)
        lookup = self._lookups.get(name)
        if lookup is None:
            asking = loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            lookup = self._lookups[name] = asyncio.ensure_future(asking)
            lookup.add_done_callback(lambda _: self._lookups.pop(name))
        addresses = await asyncio.shield(lookup)
        return await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=_FAMILY_DELAY, interleave=1, loop=loop
        )

    def close(self) -> None:
        for lookup in self._lookups.values():
            lookup.cancel()
