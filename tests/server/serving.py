"""A real server on a real socket, in the test's own event loop."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from turnstream.agent import Agent
from turnstream.server import run
from turnstream.service import ServerSettings, Service

ASK = {"messages": [{"role": "user", "content": "hi"}]}
STREAM = {**ASK, "stream": True}
CHAT = "/v1/chat/completions"


@dataclass
class Served:
    url: str
    server: run.Server
    client: aiohttp.ClientSession

    async def post(self, body: Any = ASK, path: str = CHAT, **headers: str) -> tuple[int, dict[str, str], Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.post(self.url + path, data=io.BytesIO(data), headers=names) as response:
            text = await response.text()
            return (
                response.status,
                lower(response.headers),
                text if "event-stream" in response.content_type else json.loads(text),
            )

    async def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], Any]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.get(self.url + path, headers=names) as response:
            is_json = response.content_type == "application/json"
            return response.status, lower(response.headers), await (response.json() if is_json else response.text())


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def eventually(condition: Callable[[], bool]) -> None:
    """For what no event announces."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  see above
            await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(*agents: Agent, watches: Any = (), **settings: Any) -> AsyncIterator[Served]:
    made = ServerSettings(**{"port": 0, **settings})
    service = Service({agent.name: agent for agent in agents}, made, watches=watches)
    server = run.server(service)
    with run.listen(service.settings) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        port = listener.getsockname()[1]
        try:
            async with asyncio.timeout(30), aiohttp.ClientSession() as client:
                yield Served(f"http://127.0.0.1:{port}", server, client)
        finally:
            server.should_exit = True
            await asyncio.wait_for(task, 10)


def events(stream: str) -> list[dict[str, Any]]:
    frames = [frame.removeprefix("data: ") for frame in stream.split("\n\n") if frame]
    return [json.loads(frame) for frame in frames if frame != "[DONE]"]


def text(stream: str) -> str:
    chunks = [chunk for chunk in events(stream) if chunk.get("choices")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


async def until(stream: aiohttp.StreamReader, wanted: bytes) -> bytes:
    """What the stream says up to and with ``wanted``."""
    seen = b""
    async with asyncio.timeout(10):
        while wanted not in seen:
            piece = await stream.readany()
            assert piece, f"the stream ended with {seen!r}"
            seen += piece
    return seen
