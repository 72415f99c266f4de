"""What the ASGI interface has no word for, and uvicorn's own objects can do: where a response is uvicorn's, over
httptools, it costs less than by the interface.

``send`` is a coroutine because it may have to wait for a slow client. A piece of a stream that need not wait can be
written by whoever has it, from within a callback (`Writer`). To hear by ``receive`` that the client has gone takes a
task for each response; its connection can just as well say so (`tell_when_left`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Send

from turnstream.server import gathering

try:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
except ImportError:  # without httptools
    RequestResponseCycle = None  # type: ignore[assignment, misc]


class Writer:
    """Of one response. ``is_ready`` says whether `write` may be called now: the response has begun, and its client
    reads."""

    __slots__ = ("_cycle", "_write")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._write = cycle.transport.write

    def is_ready(self) -> bool:
        cycle = self._cycle
        return not (cycle.flow.write_paused or cycle.disconnected or cycle.response_complete)

    def write(self, data: bytes) -> None:
        """``data`` must not be empty: an empty chunk is the end (RFC 9112, section 7.1)."""
        self._write(b"%x\r\n%b\r\n" % (len(data), data))


def _cycle_of(method: Send | Receive) -> RequestResponseCycle | None:
    """The object of uvicorn's that this ``send`` or ``receive`` is a method of."""
    cycle = getattr(method, "__self__", None)
    return cycle if RequestResponseCycle is not None and type(cycle) is RequestResponseCycle else None


def gather(send: Send) -> None:
    """What is sent until this turn of the loop ends, or the response, goes out together."""
    cycle = _cycle_of(send)
    if cycle is not None and isinstance(cycle.transport, gathering.Gathering):
        cycle.transport.gather()


def writer(send: Send) -> Writer | None:
    """For a response that has begun; None where only ``send`` can write it."""
    cycle = _cycle_of(send)
    return Writer(cycle) if cycle is not None and cycle.response_started and cycle.chunked_encoding else None


def tell_when_left(send: Send, leave: Callable[[], None]) -> Callable[[], None] | None:
    """Have ``leave`` called when the client goes before the response's end. What is returned takes that back; None
    where only ``receive`` tells."""
    cycle = _cycle_of(send)
    connection: Any = None if cycle is None else getattr(cycle.on_response, "__self__", None)
    if cycle is None or not hasattr(connection, "when_left"):
        return None
    connection.when_left = leave
    cycle.flow.resume_reading()  # as ``receive`` does: a connection that is not read does not tell
    if cycle.disconnected:
        leave()

    def forget() -> None:
        connection.when_left = None

    return forget


def has_whole_body(receive: Receive) -> bool:
    """Whether the request's body has arrived, so that to receive it waits for nothing."""
    cycle = _cycle_of(receive)
    return cycle is not None and not cycle.more_body and not cycle.disconnected
