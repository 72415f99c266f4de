"""A stand-in for an embedding server: vectors of hashed words and parts of words, from ``POST /v1/embeddings``.

It knows nothing of meaning, so what is measured with it says how the machinery works and what spelling is worth, and
nothing about an embedding model. It needs no model, no network, and gives the same vectors everywhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

DIMENSIONS = 384


def hashed(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Words count once, and so, less, do their trigrams; a hash says which number of the vector they add to."""
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        _add(vector, word, 1.0)
        padded = f"<{word}>"
        for at in range(len(padded) - 2):
            _add(vector, padded[at : at + 3], 0.4)
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else vector


def _add(vector: list[float], part: str, weight: float) -> None:
    value = int.from_bytes(hashlib.blake2b(part.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    vector[(value >> 1) % len(vector)] += weight if value & 1 else -weight


class Server:
    """Answers as OpenAI's API does. ``requests`` keeps the bodies; ``failures`` are statuses (or None for a
    connection that breaks) that the next requests get instead; while ``silent`` it answers nobody. ``refuses`` says of
    which texts a request is answered with 413.
    """

    def __init__(self, dimensions: int = DIMENSIONS) -> None:
        self.dimensions = dimensions
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.failures: list[int | None] = []
        self.silent = False
        self.answer: bytes | None = None
        self.refuses: Callable[[list[str]], bool] = lambda texts: False
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.silent:
            await asyncio.Event().wait()
        if self.failures:
            status = self.failures.pop(0)
            if status is None:
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            reason = {"error": {"message": f"no, {request.headers.get('authorization', '')}"}}
            return web.json_response(reason, status=status, headers={"retry-after": "0"})
        if self.refuses(body["input"]):
            return web.json_response({"error": {"message": "too much"}}, status=413)
        if self.answer is not None:
            return web.Response(body=self.answer)
        items = [
            {"object": "embedding", "index": at, "embedding": hashed(text, self.dimensions)}
            for at, text in enumerate(body["input"])
        ]
        return web.json_response({"object": "list", "data": items[::-1], "model": body["model"]})


@asynccontextmanager
async def serving(dimensions: int = DIMENSIONS) -> AsyncIterator[Server]:
    """On a port of 127.0.0.1 that the system chooses."""
    server = Server(dimensions)
    app = web.Application()
    app.router.add_post("/v1/embeddings", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}/v1"
        yield server
    finally:
        await runner.cleanup()
