"""Somebody who is told by webhooks, on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Receiver:
    """``got`` is what has come: the headers, with names in lower case, and the body. ``answers`` are given one after
    the other, the last for ever."""

    def __init__(self, *answers: int | Answer) -> None:
        self.url = ""
        self.got: list[tuple[dict[str, str], bytes]] = []
        self._answers = list(answers or (204,))
        self._came = asyncio.Condition()

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(30), self._came:
            await self._came.wait_for(lambda: len(self.got) >= count)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        async with self._came:
            self.got.append(({name.lower(): value for name, value in request.headers.items()}, body))
            self._came.notify_all()
        return web.Response(status=answer) if isinstance(answer, int) else await answer(request)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Receiver]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/told"
        try:
            yield self
        finally:
            await runner.cleanup()
