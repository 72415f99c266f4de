"""The configurations that answer: the one for new requests, and older ones whose last run has not ended.

A version has agents, keys and limits of its own; what is kept, and what is counted for the whole process, it shares
with the others (`turnstream.server.app`). Nothing is changed in a version that answers: a new one takes its place, and
what it owns (connections, sessions of MCP) is closed when nobody uses it any more.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import agent as agents, errors, protocols, resources
from turnstream.server import refusals
from turnstream.service import ServerSettings, Service

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger(__name__)

# What a process has from its start to its end.
FIXED = (
    "host",
    "port",
    "workers",
    "store",
    "memory_limit",
    "max_bodies",
    "max_connections",
    "max_held",
    "send_timeout",
    "shutdown_grace",
    "metrics",
    "metrics_port",
)


async def _no_meter(new: protocols.NewRun) -> None:
    return None


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("this version was made for one run, and answers no requests")


class Version:
    """``owned`` is what its requests need open, in this order. ``meter`` gives what counts a kept run's use,
    ``names`` the principals that have a key."""

    def __init__(
        self,
        service: Service,
        app: ASGIApp,
        refuse: refusals.Refusals,
        *owned: AbstractAsyncContextManager[object],
        meter: Callable[[protocols.NewRun], Awaitable[protocols.Meter | None]] | None = None,
        names: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self.service, self.app, self.refuse, self.names = service, app, refuse, names
        self.meter = meter or _no_meter
        self.users = 0
        self._resources = owned
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        self._stack = await resources.open_all(self._resources)

    async def close(self) -> None:
        await self._stack.aclose()


class Versions:
    """``async with`` it."""

    def __init__(self, first: Version) -> None:
        self.current = first
        self._older: list[Version] = []
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.current.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._closing:
            await asyncio.wait(self._closing)
        for version in (*self._older, self.current):
            await version.close()

    def enter(self) -> Version:
        """The current one, which stays open until it is left."""
        self.current.users += 1
        return self.current

    def leave(self, version: Version) -> None:
        version.users -= 1
        if self._older:
            self._close_unused()

    async def replace(self, version: Version) -> None:
        """What comes from now on is the new version's. Raises whatever opening it raises, and changes nothing then."""
        await version.open()
        self._older.append(self.current)
        self.current = version
        self._close_unused()

    def config(self, agent: str) -> str:
        return self.current.service.sources.get(agent, "")

    @asynccontextmanager
    async def lease(self, new: protocols.NewRun) -> AsyncIterator[agents.Agent | None]:
        """The agent as it was configured when the run was started. None if it is not served any more. Raises
        `ConfigurationError` where it cannot be made again."""
        version = self._find(new)
        if version is None:
            version = await self._make_again(new)
        if version is None:
            yield None
            return
        version.users += 1
        try:
            yield version.service.agents[new.agent]
        finally:
            self.leave(version)

    def _find(self, new: protocols.NewRun) -> Version | None:
        for version in (self.current, *self._older):
            same = not new.config or version.service.sources.get(new.agent) == new.config
            if same and new.agent in version.service.agents:
                return version
        return None

    async def _make_again(self, new: protocols.NewRun) -> Version | None:
        """Of what is stored with the run."""
        current = self.current.service
        if not new.config or current.rebuild is None:
            return None
        agent = await asyncio.to_thread(current.rebuild, new.agent, new.config)
        service = Service({new.agent: agent}, current.settings, sources={new.agent: new.config})
        version = Version(service, _nowhere, self.current.refuse, service)
        await version.open()
        log.info("run %s goes on with the configuration of %s that it was started with", new.id, new.agent)
        self._older.append(version)
        return version

    def _close_unused(self) -> None:
        for version in [each for each in self._older if not each.users]:
            self._older.remove(version)
            task = asyncio.create_task(version.close())
            self._closing.add(task)
            task.add_done_callback(self._settle)

    def _settle(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("what an older configuration owned could not be closed", exc_info=error)


def keep_fixed(new: Service, old: ServerSettings) -> list[str]:
    """Put back what cannot change while the process lives; the names of what the new configuration has otherwise."""
    changed = [name for name in FIXED if getattr(new.settings, name) != getattr(old, name)]
    new.settings = dataclasses.replace(new.settings, **{name: getattr(old, name) for name in changed})
    return changed


class NothingToReloadError(errors.TurnstreamError):
    def __init__(self) -> None:
        text = "This server was started from Python, and has no configuration to reload."
        super().__init__(text, code="nothing_to_reload", status=409)
