"""Writes of a stream's body that wait for nothing: to uvicorn's transport, as its ``send`` writes them.

``send`` is a coroutine because it may have to wait for a slow client. A piece that need not wait can be written by
whoever has it, from within a callback. Only where the response is uvicorn's own, over httptools and with chunks.
"""

from __future__ import annotations

from starlette.types import Send

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


def writer(send: Send) -> Writer | None:
    """For a response that has begun; None where only ``send`` can write it."""
    cycle = getattr(send, "__self__", None)
    if RequestResponseCycle is None or type(cycle) is not RequestResponseCycle:
        return None
    return Writer(cycle) if cycle.response_started and cycle.chunked_encoding else None
