"""A model's vendor on a loopback socket, that says exactly the bytes that a test gives it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

Answer: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Upstream:
    """Answers the n-th request with the n-th answer, later ones with the last. Keeps connections alive."""

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        self.answers = answers
        self.requests: list[bytes] = []
        self.connections = 0
        self.asked = asyncio.Event()  # a request has come
        self.gone = asyncio.Event()  # a client has closed its connection
        self.base_url = ""
        self._writers: list[asyncio.StreamWriter] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                self.requests.append(head + await reader.readexactly(int(length[15:])))
                self.asked.set()
                await self.answers[min(len(self.requests), len(self.answers)) - 1](writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        except asyncio.CancelledError:
            pass  # the test is over; asyncio's streams log a handler that ends so
        finally:
            writer.close()

    def body(self, number: int = -1) -> Any:
        return json.loads(self.requests[number].partition(b"\r\n\r\n")[2])

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def upstream(*answers: Answer) -> AsyncIterator[Upstream]:
    vendor = Upstream(answers)
    server = await asyncio.start_server(vendor.connected, "127.0.0.1", 0)
    vendor.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield vendor
    finally:
        server.close()
        vendor.close()
        await server.wait_closed()


def says(
    *pieces: bytes, status: str = "200 OK", headers: str = "content-type: text/event-stream", end: bool = True
) -> Answer:
    """A chunked answer; without ``end`` it stays open."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\n{headers}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for piece in filter(None, pieces):  # an empty chunk would be the end
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        if end:
            writer.write(b"0\r\n\r\n")
        await writer.drain()

    return answer


def hangs_up(*pieces: bytes) -> Answer:
    """Says this much of an answer, then resets the connection."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        if pieces:
            await says(*pieces, end=False)(writer)
            await asyncio.sleep(0)
        writer.transport.abort()

    return answer


async def says_nothing(writer: asyncio.StreamWriter) -> None:
    """Never answers; the connection stays open."""


def chunk(text: str | None = None, finish: str | None = None, **members: Any) -> bytes:
    """One event of a chat completion stream."""
    delta = {} if text is None else {"content": text}
    whole = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **members}
    return b"data: " + json.dumps(whole).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
HELLO = (chunk("Hel"), chunk("lo"), chunk(None, "stop"), DONE)
