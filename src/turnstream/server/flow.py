"""What uvicorn gives each connection and each request of its own, without the queues that only few of them use: an
`asyncio.Event` and a deque take 700 bytes each, and a thousand streams have three thousand of them."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from uvicorn.protocols.http.flow_control import FlowControl

T = TypeVar("T")


class Event:
    """As `asyncio.Event`."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        if self._waiting:
            for future in self._waiting:
                if not future.done():
                    future.set_result(None)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> None:
        if self._is_set:
            return
        future = asyncio.get_running_loop().create_future()
        waiting = self._waiting = [] if self._waiting is None else self._waiting
        waiting.append(future)
        try:
            await future
        finally:
            waiting.remove(future)


class Flow(FlowControl):
    """uvicorn's, with that event."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = self.write_paused = False
        self._is_writable_event = Event()  # type: ignore[assignment]
        self._is_writable_event.set()


class Queue(list[T]):
    """As much of a deque as uvicorn asks for."""

    __slots__ = ()

    def appendleft(self, item: T) -> None:
        self.insert(0, item)
