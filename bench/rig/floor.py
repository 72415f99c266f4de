"""The floor: what any Python server on this stack pays to pass an upstream's bytes on without looking at them.

aiohttp to the upstream, a bare ASGI application to the client, one send per read. ``python -m bench.rig.floor URL``.
"""

from __future__ import annotations

import sys

import aiohttp

from bench.rig.serve import Message, Receive, Send, serve


class PassThrough:
    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        await self.relay(scope["path"], body, send)

    async def lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        connector = aiohttp.TCPConnector(limit=0)
        self.session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.session.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def relay(self, path: str, body: bytes, send: Send) -> None:
        assert self.session is not None
        headers = {"content-type": "application/json"}
        async with self.session.post(self.upstream + path, data=body, headers=headers) as response:
            content_type = response.headers["content-type"].encode()
            start = {"type": "http.response.start", "status": response.status}
            await send({**start, "headers": [(b"content-type", content_type)]})
            async for piece in response.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


if __name__ == "__main__":
    serve(PassThrough(sys.argv[1]))
