"""A real HTTP server on loopback whose handler each test writes."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from turnstream.tools.http_client import HttpOptions

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The server's address, ``http://127.0.0.1:PORT``."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http{'s' if tls else ''}://{host}:{port}"
    finally:
        await runner.cleanup()


def allowed(url: str, timeout: float = 5.0, max_bytes: int = 10_000) -> HttpOptions:
    return HttpOptions(timeout, max_bytes, allow_private=(url.rpartition("/")[2],))
