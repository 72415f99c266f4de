"""Every way that something upstream fails, at every place of a run, seen by every protocol: ``make faults``.

Each cell is a request to a real server whose model (or tool) is a socket that does exactly this. It has to end in time,
with exactly one end in its protocol's words, and to leave nothing behind. ``python -m tests.faults`` runs all cells and
writes docs/faults.md; the tests run a sample.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tests.providers.upstream import DONE, chunk
from tests.server.serving import Served, eventually, serving
from tests.server.test_guardrails import HI, WIRES
from turnstream.agent import Agent
from turnstream.providers import model
from turnstream.providers.transport.connections import Client
from turnstream.tools.http_client import HttpOptions
from turnstream.tools.rest import rest

SECONDS = 15.0
"""So long may a cell take on a slow machine; the model's own patience is `PATIENCE`."""
PATIENCE = 0.4
ROOT = Path(__file__).parents[1]
Writer = asyncio.StreamWriter
Fault = Callable[[Writer], Awaitable[None]]


def status(line: str, body: bytes = b'{"error": {"message": "no"}}', fields: str = "") -> Fault:
    async def answer(writer: Writer) -> None:
        head = f"HTTP/1.1 {line}\r\ncontent-type: application/json\r\n{fields}content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    return answer


def streams(*pieces: bytes, end: bool = True, kind: str = "text/event-stream", then: str = "") -> Fault:
    async def answer(writer: Writer) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for piece in filter(None, pieces):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if end:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        if then == "reset":
            writer.transport.abort()
        elif then == "close":
            writer.close()

    return answer


def raw(data: bytes, then: str = "close") -> Fault:
    async def answer(writer: Writer) -> None:
        writer.write(data)
        if then == "reset":
            writer.transport.abort()
        elif then == "close":
            writer.close()

    return answer


TEXT = chunk("Hel")
CALL = {"index": 0, "id": "c1", "function": {"name": "lookup", "arguments": "{}"}}


def call(**function: Any) -> bytes:
    made = {**CALL, "function": {**CALL["function"], **function}}  # type: ignore[dict-item]
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [made]}}]}).encode() + b"\n\n"


FAULTS: dict[str, Fault] = {
    **{
        line: status(line)
        for line in (
            *("400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "408 Request Timeout"),
            *("413 Content Too Large", "422 Unprocessable Content", "500 Internal Server Error"),
            *("502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout", "529 Overloaded"),
        )
    },
    "429 with Retry-After": status("429 Too Many Requests", fields="retry-after: 60\r\n"),
    "a redirect": status("302 Found", b"", "location: http://127.0.0.1:1/\r\n"),
    "200 and nothing": status("200 OK", b""),
    "200 and a page": status("200 OK", b"<!doctype html><html>Sign in</html>"),
    "reset before a word": raw(b"", "reset"),
    "closed before a word": raw(b""),
    "silence": raw(b"", "stay"),
    "not HTTP": raw(b"220 smtp ready\r\n"),
    "half a head": raw(b"HTTP/1.1 200 OK\r\ncontent-ty"),
    "a broken chunk": raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
    "a head and silence": streams(end=False),
    "comments without end": streams(b": ping\n\n" * 3, end=False),
    "a stream without events": streams(),
    "no end of the answer": streams(TEXT),
    "closed in the answer": streams(TEXT, end=False, then="close"),
    "reset in the answer": streams(TEXT, end=False, then="reset"),
    "silence in the answer": streams(TEXT, end=False),
    "half an event": streams(TEXT, b'data: {"choices": [{"de'),
    "an event that is not JSON": streams(b"data: }{\n\n", DONE),
    "an error event": streams(b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'),
    "bytes that are not UTF-8": streams(b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n', DONE),
    "a call that is cut off": streams(call(arguments='{"a": '), chunk(None, "length"), DONE),
    "a call of an unknown tool": streams(call(name="nothing"), chunk(None, "tool_calls"), DONE),
}
PLACES = ("model", "in its answer", "after a tool", "tool", "first of two models")
MODES = ("stream", "whole")
ALL_WIRES = {**WIRES, "native": ("/v1/runs", {"agent": "agent", "messages": [HI]}, {})}
GOOD = streams(chunk("done"), chunk(None, "stop"), DONE)
CALLS = streams(call(), chunk(None, "tool_calls"), DONE)


class Cell(NamedTuple):
    fault: str
    place: str
    mode: str
    wire: str


CELLS = [Cell(*each) for each in itertools.product(FAULTS, PLACES, MODES, ALL_WIRES)]
_ENDS = {
    "chat": rb'"finish_reason":"|data: \{"error"',
    "orchestrate": rb"data: \[DONE\]",
    "responses": rb'"type":"response\.(?:completed|failed|incomplete)"',
    "anthropic": rb"event: (?:message_stop|error)\b",
    "ag_ui": rb'"type":"(?:RUN_FINISHED|RUN_ERROR)"',
    "vercel": rb'data: \{"type":"finish"',
    "a2a": rb'"final":true|"error":\{',
    "native": rb"event: run\.(?:finished|failed|cancelled)\n",
}


@asynccontextmanager
async def socket(answer: Callable[[bytes, Writer], Awaitable[None]]) -> AsyncIterator[str]:
    """A server whose answer to each request is ``answer``'s."""
    writers: list[Writer] = []

    async def connected(reader: asyncio.StreamReader, writer: Writer) -> None:
        writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head.lower())
                await answer(await reader.readexactly(int(length[1]) if length else 0), writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


def script(fault: Fault, place: str) -> Callable[[bytes, Writer], Awaitable[None]]:
    """What the model answers to a request with this body."""

    async def in_the_answer(writer: Writer) -> None:
        await streams(chunk("Hello"), end=False)(writer)
        await fault(writer)

    async def answer(body: bytes, writer: Writer) -> None:
        after_tool = b'"role":"tool"' in body.replace(b": ", b":")
        match place:
            case "model" | "first of two models":
                await fault(writer)
            case "in its answer":
                await in_the_answer(writer)
            case "after a tool":
                await (fault if after_tool else CALLS)(writer)
            case _:
                await (GOOD if after_tool else CALLS)(writer)

    return answer


@asynccontextmanager
async def served(fault: Fault, place: str, folder: str) -> AsyncIterator[Served]:
    async def good(body: bytes, writer: Writer) -> None:
        await GOOD(writer)

    async def site(body: bytes, writer: Writer) -> None:
        await (fault if place == "tool" else status("200 OK", b'{"found": 1}'))(writer)

    async with socket(script(fault, place)) as vendor, socket(good) as other, socket(site) as web, Client() as client:
        patience = {"connect": PATIENCE, "first_token": PATIENCE, "idle": PATIENCE}
        more: dict[str, Any] = {"environ": {}, "retries": 0, "timeouts": patience, "client": client, "api_key": "k"}
        models = [model("openai-compatible:m", base_url=f"{vendor}/v1", **more)]
        if place == "first of two models":
            models.append(model("openai-compatible:n", base_url=f"{other}/v1", **more))
        options = replace(HttpOptions(PATIENCE), allow_private=(web.rpartition("/")[2],))
        agent = Agent(models, [rest("lookup", web, options=options)], name="agent", max_steps=3, tool_timeout=2)
        async with serving(agent, store=f"sqlite:{folder}/{os.urandom(4).hex()}.db") as made:
            yield made


async def ask(made: Served, cell: Cell) -> str:
    """How it ended, in a word; raises `AssertionError` for one that ends more than once, or never."""
    path, body, headers = ALL_WIRES[cell.wire]
    is_stream = cell.mode == "stream"
    if "jsonrpc" in body:
        body = {**body, "method": "message/stream" if is_stream else "message/send"}
    else:
        body = {**body, "stream": is_stream}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with asyncio.timeout(SECONDS), made.client.post(made.url + path, json=body, headers=names) as response:
        data = await response.read()
        if response.status != 200 or "event-stream" not in response.content_type:
            told = json.loads(data) if response.content_type.endswith("json") else data.decode()
            return f"{response.status}" if response.status != 200 else _word(json.dumps(told))
    ends = re.findall(_ENDS[cell.wire], data)
    assert len(ends) == 1, f"{ends} {cell}: {data[-600:]!r}"
    return _word(data.decode())


def _word(text: str) -> str:
    codes = re.findall(r'"(?:code|error)": ?"([a-z_]+)"', text)
    return codes[-1] if codes else "answer"


async def run_group(fault: str, place: str, cells: list[Cell], folder: str) -> dict[Cell, str]:
    """The cells of one fault at one place, all at once; nothing of them is left."""
    async with served(FAULTS[fault], place, folder) as made:
        ends = await asyncio.gather(*(ask(made, cell) for cell in cells))
        state = made.server.state
        await eventually(lambda: not state.runs.live and not state.places.in_use and not state.bodies.used)
    return dict(zip(cells, ends, strict=True))


async def run(cells: list[Cell]) -> dict[Cell, str]:
    """All of them, by fault and place. Descriptors and tasks are what they were before."""
    ends: dict[Cell, str] = {}
    tasks, descriptors = len(asyncio.all_tasks()), _descriptors()
    with tempfile.TemporaryDirectory() as folder:
        for (fault, place), group in itertools.groupby(sorted(cells), lambda cell: (cell.fault, cell.place)):
            ends |= await run_group(fault, place, list(group), folder)
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks and _descriptors() <= descriptors)
    return ends


def _descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def _resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def write(ends: dict[Cell, str]) -> str:
    """The page: what a client of chat completions is told, streamed; other protocols have their own words for it."""
    text = (ROOT / "docs" / "faults.md").read_text("utf-8").partition("| fault |")[0]
    lines = [f"| fault | {' | '.join(PLACES)} |", "|---" * (len(PLACES) + 1) + "|"]
    for fault in FAULTS:
        row = [ends[Cell(fault, place, "stream", "chat")] for place in PLACES]
        lines.append(f"| {fault} | {' | '.join(f'`{end}`' if end != 'answer' else end for end in row)} |")
    return text + "\n".join(lines) + "\n"


async def main() -> None:
    warm = await run(CELLS[: len(ALL_WIRES) * 2])
    before = _resident()
    ends = {**warm, **await run(CELLS)}
    (ROOT / "docs" / "faults.md").write_text(write(ends), "utf-8")
    print(
        f"{len(ends)} cells, each with one end. Memory: {before / 1024:.0f} MB before, {_resident() / 1024:.0f} after."
    )


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    asyncio.run(main())
