"""A server, for as long as it is needed: sessions one after the other, and the tools that it last listed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from turnstream.tools import names
from turnstream.tools.mcp.listing import usable
from turnstream.tools.mcp.session import LostError, Session, T, Work
from turnstream.tools.mcp.transports import Target

if TYPE_CHECKING:
    from mcp import Client, types

log = logging.getLogger("turnstream.tools.mcp")

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
_LIST_AGAIN_SECONDS = 300.0  # for servers that never say that their tools have changed
_LIST_SECONDS = 30.0
_MOST_PAGES = 100
_NO_SUCH_METHOD = -32601


class Connection:
    """Starts a session when one is needed. One that fails at once is followed by a pause, which doubles each time:
    meanwhile every call fails immediately. `LostError` is all that its methods raise of their own.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        headers: Mapping[str, str],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._target, self._headers, self._seconds, self._clock = target, headers, seconds, clock
        self._session: Session | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._used = clock()
        self._tools: dict[str, types.Tool] | None = None
        self._fresh = False
        self._listed_at = 0.0
        self._listing = asyncio.Lock()

    @property
    def busy(self) -> bool:
        return self._session is not None and self._session.busy > 0

    def idle(self) -> float:
        """Seconds since it was last used."""
        return self._clock() - self._used

    async def run(self, work: Work[T]) -> T:
        session = await self._start()
        return await session.run(work)

    async def runs_tasks(self) -> bool:
        """Whether the server takes calls of tools as tasks."""

        async def check(client: Client) -> bool:
            can = client.server_capabilities.tasks
            requests = None if can is None else can.requests
            return requests is not None and requests.tools is not None and requests.tools.call is not None

        return await self.run(check)

    async def tools(self) -> dict[str, types.Tool]:
        """By the names that the model sees. What was listed before does while the server is down."""
        self._used = self._clock()
        async with self._listing:
            if self._tools is None or not self._is_fresh():
                try:
                    await self._list()
                except LostError:
                    if self._tools is None:
                        raise
        return self._tools or {}

    def _is_fresh(self) -> bool:
        alive = self._session is not None and self._session.alive
        return alive and self._fresh and self._clock() - self._listed_at < _LIST_AGAIN_SECONDS

    async def _list(self) -> None:
        from mcp import MCPError

        try:
            found = await self._twice(self._all_tools)
        except (MCPError, RuntimeError, ValueError, TimeoutError) as error:
            self._fresh = False
            log.warning("MCP server %s: its tools cannot be listed", self.name, exc_info=error)
            raise LostError("its tools cannot be listed", refused=True) from error
        except BaseException:
            self._fresh = False
            raise
        by_name = {tool.name: tool for tool in await asyncio.to_thread(usable, found)}  # many take a second
        self._tools = {short: by_name[name] for short, name in names.unique(by_name).items()}
        self._listed_at = self._clock()

    async def _all_tools(self, client: Client) -> list[types.Tool]:
        """Up to a cursor that was seen before: a server that gives it again has no more to say. A server that declares
        no tools is not asked."""
        from mcp import MCPError

        self._fresh = True  # a change while the list is under way makes it stale again
        can = client.server_capabilities
        found: list[types.Tool] = []
        if can.tools is None and (can.resources is not None or can.prompts is not None):
            return found
        try:
            async with asyncio.timeout(_LIST_SECONDS):
                await self._read_pages(client, found)
        except TimeoutError:
            if not found:
                raise
            log.warning("MCP server %s: its list of tools does not end; %d are used", self.name, len(found))
        except MCPError as error:
            if error.code != _NO_SUCH_METHOD or can.tools is not None:
                raise
        return found

    async def _read_pages(self, client: Client, found: list[types.Tool]) -> None:
        seen: set[str | None] = {None}
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            found += page.tools
            cursor = page.next_cursor
            if cursor in seen:
                break
            seen.add(cursor)

    async def _twice(self, work: Work[T]) -> T:
        """To list changes nothing, so a session that served and proves to be gone is replaced."""
        served = self._session is not None and self._session.served
        try:
            return await self.run(work)
        except LostError:
            if not served:
                raise
            return await self.run(work)

    async def _start(self) -> Session:
        session = self._session
        if session is None or not session.alive:
            session = self._restart()
        try:
            await asyncio.shield(session.ready)
        except LostError as error:
            raise LostError(error.reason, refused=True) from error
        return session

    def _restart(self) -> Session:
        last = self._session
        if last is not None and not last.served:
            pause = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
            left = last.ended + pause - asyncio.get_running_loop().time()
            if left > 0:
                raise LostError(f"{last.reason}; it is tried again in {left:.1f} seconds", refused=True)
        self._failures = 0 if last is None or last.served else self._failures + 1
        if last is not None:
            self._dismiss(last)
        self._fresh = False
        self._session = Session(self.name, self._target, self._headers, self._seconds, self._note_change)
        return self._session

    def _dismiss(self, session: Session) -> None:
        task = asyncio.create_task(session.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _note_change(self) -> None:
        self._fresh = False

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        await asyncio.gather(*self._closing)
