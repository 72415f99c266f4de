"""What a server bears for long: ``make soak``, ten minutes. Each part prints what it measured, and may fail.

1. A thousand streams of 60 seconds, paced: each gets all of its tokens.
2. Fifty thousand runs, one after another in 50 lanes: the process is no larger at the end than after the first tenth.
3. A thousand clients that read one byte a second while the server tells a fountain: it answers /healthz in 100 ms.

The server is a process of its own; what it holds is read from /proc.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

AGENTS = """
import asyncio
from turnstream import Agent
from turnstream.events import Finish, TextDelta
from turnstream.service import ServerSettings, Service

class Paced:
    name = "paced"
    def __init__(self, words, pause, text):
        self.words, self.pause, self.text = words, pause, text
    def stream(self, request):
        return Said(self)

class Said:
    def __init__(self, model):
        self.model, self.said = model, 0
    async def __aenter__(self):
        return self
    async def __aexit__(self, *error):
        return None
    def __aiter__(self):
        return self
    async def __anext__(self):
        if self.said > self.model.words:
            raise StopAsyncIteration
        self.said += 1
        if self.model.pause:
            await asyncio.sleep(self.model.pause)
        return [Finish("stop")] if self.said > self.model.words else [TextDelta(self.model.text)]

agents = {
    "paced": Agent(Paced(WORDS, 60 / WORDS, "word "), name="paced"),
    "quick": Agent(Paced(3, 0, "word "), name="quick"),
    "fountain": Agent(Paced(10**9, 0.001, "x" * 1000), name="fountain", run_timeout=None, max_answer=None),
}
service = Service(agents, ServerSettings(port=PORT, store="memory", max_held=HELD, send_timeout=600.0))
"""
WORDS = 240
HELD = 64 * 1024 * 1024


class Server(NamedTuple):
    url: str
    port: int
    pid: int

    def resident(self) -> float:
        """MB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0


def write(folder: Path, port: int) -> None:
    (folder / "soaked.py").write_text(f"WORDS, PORT, HELD = {WORDS}, {port}, {HELD}\n{AGENTS}")


@asynccontextmanager
async def served() -> AsyncIterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), port)
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, *sys.path])}
        command = [sys.executable, "-m", "turnstream", "serve", "soaked:service", "--log-level", "error"]
        process = await asyncio.create_subprocess_exec(*command, env=environ, cwd=folder)
        try:
            url = f"http://127.0.0.1:{port}"
            async with asyncio.timeout(60), aiohttp.ClientSession() as client:
                while not await _answers(client, url):  # noqa: ASYNC110  no event of another process tells it
                    await asyncio.sleep(0.1)
            yield Server(url, port, process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), 30)


async def _answers(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(f"{url}/healthz") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def asks(agent: str, stream: bool = True) -> bytes:
    return json.dumps({"model": agent, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).encode()


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None))


async def post(client: aiohttp.ClientSession, server: Server, body: bytes) -> bytes:
    headers = {"content-type": "application/json"}
    async with client.post(f"{server.url}/v1/chat/completions", data=body, headers=headers) as response:
        assert response.status == 200, response.status
        return await response.read()


async def streams(server: Server, count: int = 1000) -> str:
    async with session() as client:
        began = time.monotonic()
        answers = await asyncio.gather(*(post(client, server, asks("paced")) for _ in range(count)))
        seconds = time.monotonic() - began
    whole = sum(answer.count(b'"content":"word "') == WORDS and b"[DONE]" in answer for answer in answers)
    assert whole == count, f"{count - whole} of {count} streams are not whole"
    assert seconds < 90
    return f"{count} streams of {WORDS} tokens in 60 s, all whole, in {seconds:.1f} s; {server.resident():.0f} MB"


async def runs(server: Server, count: int = 50_000, lanes: int = 50) -> str:
    async with session() as client:

        async def lane(times: int) -> None:
            for _ in range(times):
                await post(client, server, asks("quick", stream=False))

        async def all_lanes(times: int) -> None:
            await asyncio.gather(*(lane(times // lanes) for _ in range(lanes)))

        await all_lanes(count // 10)
        before, began = server.resident(), time.monotonic()
        await all_lanes(count - count // 10)
        seconds, after = time.monotonic() - began, server.resident()
    assert after < before * 1.05, f"{before:.1f} MB became {after:.1f}"
    rate = (count - count // 10) / seconds
    return f"{count} runs, {rate:.0f} a second: {before:.1f} MB after a tenth, {after:.1f} at the end"


async def readers(server: Server, count: int = 1000, seconds: float = 60) -> str:
    request = asks("fountain")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(request)}\r\n\r\n".encode()
    loop, sockets = asyncio.get_running_loop(), []
    for _ in range(count):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.setblocking(False)
        await loop.sock_connect(one, ("127.0.0.1", server.port))
        await loop.sock_sendall(one, head + request)
        sockets.append(one)
    took: list[float] = []
    async with session() as client:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for one in sockets:
                try:
                    one.recv(1)
                except OSError:  # nothing yet, or it was left
                    pass
            for _ in range(10):
                began = time.monotonic()
                assert await _answers(client, server.url)
                took.append(time.monotonic() - began)
                await asyncio.sleep(0.1)
    for one in sockets:
        one.close()
    p99 = sorted(took)[int(len(took) * 0.99)] * 1000
    assert p99 < 100, f"/healthz took {p99:.0f} ms"
    return (
        f"{count} readers of a byte a second for {seconds:.0f} s: /healthz p99 {p99:.1f} ms, {server.resident():.0f} MB"
    )


async def main() -> None:
    wanted = sys.argv[1:] or ["streams", "runs", "readers"]
    parts: dict[str, Callable[[Server], object]] = {"streams": streams, "runs": runs, "readers": readers}
    for name in wanted:
        async with served() as server:
            print(await parts[name](server), flush=True)  # type: ignore[misc]


if __name__ == "__main__":
    asyncio.run(main())
