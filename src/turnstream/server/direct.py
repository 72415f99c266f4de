"""What the ASGI interface has no word for, and uvicorn's own objects can do: where a response is uvicorn's, over
httptools, it costs less than by the interface.

``send`` is a coroutine because it may have to wait for a slow client. A piece of a stream that need not wait can be
written by whoever has it, also from within a callback (`Writer`). To hear by ``receive`` that the client has gone takes
a task for each response; its connection can just as well say so (`tell_when_left`). A body that has arrived is there to
be taken (`take_body`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from starlette.types import Receive, Send

from turnstream.server import gathering

try:
    from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
except ImportError:  # without httptools
    RequestResponseCycle = None  # type: ignore[assignment, misc]


_FIELDS = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00-\x08\x0a-\x1f\x7f]*\r\n)*")
_SIZES = tuple(b"%x\r\n" % size for size in range(2048))  # of nearly all chunks of one token
Batch = TypeVar("Batch", contravariant=True)


class Writer(Generic[Batch]):
    """Of one response that has begun: each piece of its body is written as a chunk (RFC 9112, section 7.1).

    ``waits``: no batch may be written now. ``last`` is when it last wrote, by the loop's clock. ``fail`` is called
    where ``encode`` raises, as what handles that."""

    __slots__ = ("_cycle", "_encode", "_fail", "_flow", "_now", "_transport", "_write_soon", "last", "waits")

    def __init__(self, cycle: RequestResponseCycle, encode: Callable[[Batch], bytes], fail: Callable[[], None]) -> None:
        self._cycle, self._encode, self._fail = cycle, encode, fail
        self._flow = cycle.flow
        self._transport = transport = cycle.transport
        self._write_soon = transport.write_soon if type(transport) is gathering.Gathering else transport.write
        self._now = asyncio.get_running_loop().time
        self.waits, self.last = False, 0.0

    def write(self, data: bytes, last: bool = False) -> bool:
        """Some of the body, which goes out with what follows it, and behind the ``last`` its end. False, and nothing is
        written, where the client does not read as fast, or has gone."""
        cycle = self._cycle
        if self._flow.write_paused or cycle.disconnected or cycle.response_complete:
            return False
        if data:
            self._write_soon(b"%x\r\n%b\r\n" % (len(data), data))
        if last:
            self._write_soon(b"0\r\n\r\n")
            _complete(cycle)
        else:
            self.last = self._now()
        return True

    def give(self, batch: Batch) -> bool:
        """What ``encode`` makes of it, as `write` does. Where that gives False, nothing is encoded."""
        cycle = self._cycle
        if self.waits or self._flow.write_paused or cycle.disconnected or cycle.response_complete:
            return False
        try:
            data = self._encode(batch)
        except Exception:
            self._fail()
            return True
        size = len(data)
        if size:  # an empty chunk is the end
            head = _SIZES[size] if size < len(_SIZES) else b"%x\r\n" % size
            self._transport.write(b"".join((head, data, b"\r\n")))
            self.last = self._now()
        return True


def _cycle_of(method: Send | Receive) -> RequestResponseCycle | None:
    """The object of uvicorn's that this ``send`` or ``receive`` is a method of."""
    cycle = getattr(method, "__self__", None)
    return cycle if type(cycle) is RequestResponseCycle else None


def _complete(cycle: RequestResponseCycle) -> None:
    """What ``send`` does behind the last piece of a body."""
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


def begin(send: Send, headers: Mapping[str, str]) -> bool:
    """Write the head of a response of status 200 and of unknown length: uvicorn looks at each of its fields one by one.
    It goes out with what follows it. False where only ``send`` can write it, and nothing is written."""
    cycle = _cycle_of(send)
    if cycle is None or cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
        return False
    if cycle.access_log or not cycle.keep_alive or cycle.scope["method"] == "HEAD":
        return False
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not _FIELDS.fullmatch(fields) or fields.count("\n") != len(headers):  # a value may look like another field
        return False
    own = b"".join([b"%b: %b\r\n" % field for field in cycle.default_headers])
    head = (STATUS_LINE[200], own, fields.encode("latin-1"), b"transfer-encoding: chunked\r\n\r\n")
    cycle.response_started = cycle.chunked_encoding = True
    cycle.waiting_for_100_continue = False
    if type(cycle.transport) is gathering.Gathering:
        cycle.transport.gather()
    cycle.transport.write(b"".join(head))
    return True


def gather(send: Send) -> None:
    """What is sent until this turn of the loop ends, or the response, goes out together."""
    cycle = _cycle_of(send)
    if cycle is not None and type(cycle.transport) is gathering.Gathering:
        cycle.transport.gather()


def writer(send: Send, encode: Callable[[Batch], bytes], fail: Callable[[], None]) -> Writer[Batch] | None:
    """For a response that has begun; None where only ``send`` can write it."""
    cycle = _cycle_of(send)
    if cycle is None or not cycle.response_started or not cycle.chunked_encoding:
        return None
    return Writer(cycle, encode, fail)


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


def take_body(receive: Receive) -> bytes | None:
    """The request's body, if all of it has arrived: then ``receive`` need not wait for it, nor ask the client to send
    it. None where only ``receive`` has it."""
    cycle = _cycle_of(receive)
    if cycle is None or cycle.more_body or cycle.waiting_for_100_continue:
        return None
    if cycle.disconnected or cycle.response_complete:
        return None
    body, cycle.body = bytes(cycle.body), bytearray()
    cycle.flow.resume_reading()
    cycle.message_event.clear()  # what ``receive`` waits for from now on is that the client goes
    return body
