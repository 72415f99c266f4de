"""A client's transport that can let a few writes go out together.

Each write is a system call, which costs a short answer as much as encoding it: a head, a text, a finish and the end
come one after the other, from different hands, within one turn of the loop.
"""

from __future__ import annotations

import asyncio
from typing import Any

MOST = 64 * 1024  # bytes that are held; more go out at once


class Gathering(asyncio.Transport):
    """The ``transport``. After `gather` or `write_soon`, what is written goes out when this turn of the loop ends, or
    at `flush`; nothing that is written is lost, changes its place, or waits for what comes in a later turn.

    Whoever writes hears in the next turn that the client is slow (`asyncio.Protocol.pause_writing`).
    """

    __slots__ = ("_held", "_loop", "_transport", "write")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self.write = transport.write  # type: ignore[method-assign]  # as it is: this is called for each token
        self._held: bytearray | None = None

    def gather(self) -> bytearray:
        """What is held."""
        held = self._held
        if held is None:
            held = self._held = bytearray()
            self.write = self._hold  # type: ignore[method-assign]
            self._loop.call_soon(self.flush)
        return held

    def write_soon(self, data: bytes | bytearray | memoryview) -> None:
        """What more is to follow within this turn of the loop."""
        held = self._held
        if held is None:
            held = self.gather()
        held += data
        if len(held) > MOST:
            self.flush()

    def flush(self) -> None:
        held, self._held = self._held, None
        self.write = self._transport.write  # type: ignore[method-assign]
        if held and not self._transport.is_closing():
            self.write(held)

    def _hold(self, data: bytes | bytearray | memoryview) -> None:
        if self._held is None:  # whoever kept this method
            self.write(data)
        else:
            self.write_soon(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()
