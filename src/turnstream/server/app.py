"""The ASGI application of a service.

::

    the application → request id → spelling → field limit → CORS → drain → hosts → auth or origin → permissions
    → a dialect, or Starlette: models, runs, health, documents, the page, 404, 405

The outermost is the boundary behind which no exception reaches the client. A layer that only lets pass or refuses is
not a coroutine itself: it returns the awaitable of the next one, so that a stream does not pay for it. Requests to run
an agent do not go through its router: its way costs more than all else that a request costs before its model is asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import agent as agents, errors, identity, protocols
from turnstream.dialects import DIALECTS
from turnstream.runs import stores
from turnstream.runs.admission import Admission
from turnstream.runs.keeper import Keeper
from turnstream.server import (
    checks,
    identities,
    insight,
    openapi,
    refusals,
    request,
    routes,
    scopes,
    triggers,
    versions,
)
from turnstream.server.conversations import Conversations
from turnstream.server.endpoints import (
    admin,
    approvals,
    conversations as conversation_items,
    health,
    metrics,
    models,
    playground,
    responses,
    routing,
    runs,
    threads,
)
from turnstream.server.endpoints.dialects import Dialects
from turnstream.server.kept import ONE_WAY, Exchanges, KeptRuns
from turnstream.server.middleware.auth import Auth
from turnstream.server.middleware.cors import Cors
from turnstream.server.middleware.drain import Drain
from turnstream.server.middleware.fields import FieldLimit
from turnstream.server.middleware.hosts import Hosts
from turnstream.server.middleware.origin import Origin
from turnstream.server.middleware.permissions import Permissions
from turnstream.server.middleware.request_id import RequestId
from turnstream.server.middleware.spelling import Spelling
from turnstream.server.questions import Questions
from turnstream.server.state import State
from turnstream.service import ServerSettings, Service

if TYPE_CHECKING:
    from turnstream.telemetry.metrics import Metrics

log = logging.getLogger(__name__)


def app(
    service: Service,
    state: State | None = None,
    load: Callable[[], Service] | None = None,
    spread: Callable[[], None] | None = None,
) -> Application:
    """``state`` is for who wants to drain the server; see `turnstream.server.run`. ``load`` loads its configuration
    anew, ``spread`` has the other processes of the server do so too."""
    return Application(service, state or State(service.settings), load, spread)


class Application:
    """What lives as long as the process, and the version of the configuration that answers now."""

    def __init__(
        self,
        service: Service,
        state: State,
        load: Callable[[], Service] | None = None,
        spread: Callable[[], None] | None = None,
    ) -> None:
        self._state, self._load, self._spread = state, load, spread
        self._loading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        state.runs.watches += service.watches
        settings = service.settings
        self._store = store = stores.make(settings.store, service.folder, settings.memory_limit)
        self._threads = service.threads or store.threads
        self._conversations = Conversations(self._threads)
        self._exchanges = Exchanges(self._conversations)
        runs = store.runs or stores.make_waiting_runs(self._threads)
        self._conversations.waiting = None if store.runs else runs
        state.keeps_runs = store.runs is not None
        hooks = self._exchanges.show, self._meter, ONE_WAY
        self._keeper = state.keeper = Keeper(runs, store.threads, self, state.runs.watches, *hooks)
        shown = KeptRuns(self._keeper, self._conversations, self._exchanges, keeps=store.runs is not None)
        state.triggers = self._triggers = triggers.Triggers(store, self._keeper, shown.show)
        self._versions = versions.Versions(self._build(service))
        self._lifespan = Starlette(lifespan=self._live)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        version = self._versions.enter()
        if root := version.service.settings.root_path:
            path = scope["path"]
            if path == root or path.startswith(f"{root}/"):
                scope["root_path"] = root
        try:
            await version.app(scope, receive, scopes.set_outgoing(scope, send))
        except Exception:  # the log gets the traceback, the client a fixed sentence; an answer that has begun just ends
            log.exception("request %s failed", scopes.request_id(scope))
            outgoing = scopes.outgoing(scope)
            if not outgoing.begun:
                await version.refuse.fault(scope)(scope, receive, outgoing)
        finally:
            scopes.forget_outgoing(scope)
            self._versions.leave(version)

    async def reload(self, *, spread: bool = False) -> list[str]:
        """Load the configuration anew, and answer by it from now on. The names of settings that only a restart changes.

        Raises `ConfigurationError` for one that is wrong, and then nothing has changed.
        """
        if self._load is None:
            raise versions.NothingToReloadError()
        async with self._loading:
            service = await asyncio.to_thread(self._load)
            fixed = versions.keep_fixed(service, self._versions.current.service.settings)
            checks.check(service.settings, service.agents)
            before = self._versions.current.names()
            await self._versions.replace(self._build(service))
            if gone := before - self._versions.current.names():
                self._end_runs_of(gone)
            self._apply(service)
        log.info("the configuration was reloaded; agents: %s", ", ".join(service.agents))
        if fixed:
            log.warning("only a restart changes %s", ", ".join(fixed))
        if spread and self._spread is not None:
            self._spread()
        return fixed

    def config(self, agent: str) -> str:
        """See `keeper.Agents`."""
        return self._versions.config(agent)

    def get(self, agent: str) -> agents.Agent | None:
        """See `keeper.Agents`."""
        return self._versions.current.service.agents.get(agent)

    def lease(self, new: protocols.NewRun) -> AbstractAsyncContextManager[agents.Agent | None]:
        """See `keeper.Agents`."""
        return self._versions.lease(new)

    async def _meter(self, new: protocols.NewRun) -> protocols.Meter | None:
        return await self._versions.current.meter(new)

    def _apply(self, service: Service) -> None:
        """What is shared by all versions follows the current one."""
        self._triggers.change(service)
        settings = service.settings
        self._state.places.resize(settings.max_runs, settings.limits.queue, settings.limits.queue_timeout)

    def _build(self, service: Service) -> versions.Version:
        """What answers by this configuration. Raises `ConfigurationError`."""
        triggers.check(service, self._store)
        settings, state = service.settings, self._state
        table = routes.Routes([dialect() for dialect in DIALECTS], playground.paths(settings))
        refuse = refusals.Refusals(table, state.count_refusal)
        admission = Admission(self._store.counters, settings.limits)
        keeps = self._store.runs is not None
        kept = KeptRuns(self._keeper, self._conversations, self._exchanges, keeps=keeps, pushes=self._store.pushes)
        asked = Questions(self._keeper, service.agents)
        directory = identities.directory(settings, service.folder, self._end_runs_of)
        api = self._api(service, kept, asked, table, refuse)
        dialects = Dialects(service, state, admission, self._conversations, kept, asked, refuse)
        stack: ASGIApp = _Router(table, dialects, _Bounded(api, settings, state, refuse))
        for layer, args, kwargs in reversed(_middleware(settings, state, directory, table, refuse)):
            stack = layer(stack, *args, **kwargs)
        owned = directory, service, admission
        meter, names = admission.meter_for, directory.names
        return versions.Version(service, stack, refuse, *owned, meter=meter, names=names)

    def _end_runs_of(self, names: frozenset[str]) -> None:
        """Their keys are gone, unless the configuration of now has others for them."""
        if not (names := names - self._versions.current.names()):
            return
        log.info("a key of %s was revoked or has expired: their runs end", ", ".join(sorted(names)))
        task = asyncio.create_task(self._state.end_runs_of(names))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @asynccontextmanager
    async def _live(self, _: Starlette) -> AsyncIterator[None]:
        settings = self._versions.current.service.settings
        async with (
            self._store,
            self._versions,
            self._keeper,
            self._triggers,
            metrics.serve(self._state.metrics, settings, self._state.metrics_port, self._measure),
        ):
            self._apply(self._versions.current.service)
            watching = asyncio.create_task(self._watch(settings))
            try:
                yield
            finally:
                watching.cancel()
                await asyncio.wait([watching])

    async def _watch(self, settings: ServerSettings) -> None:
        """What no run tells, for the metrics: from the start, or from when somebody asks for them."""
        if (counted := self._state.metrics) is not None:
            await insight.watch_waiting(self._keeper.runs, counted)
            return
        await self._state.counting.wait()
        async with metrics.serve(self._state.metrics, settings, None, self._measure):
            assert self._state.metrics is not None
            await insight.watch_waiting(self._keeper.runs, self._state.metrics)

    def _measure(self, metrics: Metrics) -> None:
        insight.measure(self._versions.current.service, self._state, metrics)

    def _api(
        self, service: Service, kept: KeptRuns, asked: Questions, table: routes.Routes, refuse: refusals.Refusals
    ) -> ASGIApp:
        async def http_error(request: Request, error: Exception) -> Response:
            """What routing refuses: 404, 405."""
            assert isinstance(error, HTTPException)
            path = scopes.path(request.scope)
            meant = "/v1/" + path.removeprefix("/").removeprefix("v1/").removeprefix("v1/")
            hint = meant if table.knows(meant) else None
            told = refusals.not_routed(request.method, path, error.status_code, str(error.detail), hint)
            return refuse(request.scope, told, error.headers)

        async def fault(request: Request, error: Exception) -> Response:
            """Of an endpoint here; the layer around all of them logs it."""
            return refuse.fault(request.scope)

        state, threads_store, settings = self._state, self._threads, service.settings
        api = routing.Api()
        openapi.add(api, table.rows)
        models.add(api, service, refuse)
        routing.add(api, refuse, runs.Runs(state.runs, kept, asked, settings, refuse))
        routing.add(api, refuse, approvals.Approvals(asked, settings))
        routing.add(api, refuse, responses.Responses(service, kept, threads_store, refuse))
        routing.add(api, refuse, conversation_items.Conversations(service, kept.conversations))
        routing.add(api, refuse, threads.Threads(service, threads_store))
        health.add(api, service, state, threads_store)
        playground.add(api, service, state, table, refuse)
        routing.add(api, refuse, admin.Admin(state.runs, kept, self.reload))
        metrics.add(api, state, settings, refuse)
        handlers = {HTTPException: http_error, Exception: fault}
        return Starlette(routes=api.routes(), exception_handlers=handlers)


def _middleware(
    settings: ServerSettings,
    state: State,
    directory: identity.Directory,
    table: routes.Routes,
    refuse: refusals.Refusals,
) -> list[Middleware]:
    """The outermost first."""
    return [
        Middleware(RequestId),
        Middleware(Spelling),
        Middleware(FieldLimit, refuse),
        *([Middleware(Cors, settings)] if settings.cors_origins or not settings.asks_who else []),
        Middleware(Drain, state, refuse),
        *([Middleware(Hosts, settings, refuse)] if settings.allowed_hosts or not settings.asks_who else []),
        Middleware(Auth, directory, table, refuse)
        if settings.asks_who
        else Middleware(Origin, settings, table, refuse),
        Middleware(Permissions, table, refuse),
    ]


class _Bounded:
    """Our own API, whose endpoints read a body as it is: it is read before, within the same bounds as a dialect's."""

    def __init__(self, api: ASGIApp, settings: ServerSettings, state: State, refuse: refusals.Refusals) -> None:
        self.api, self._settings, self._state, self._refuse = api, settings, state, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        has_body = scope["method"] not in ("GET", "HEAD")
        return (self._read if has_body else self.api)(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._state.bodies.share() as share:
            try:
                body = await request.Reader(scope, receive, self._settings, share).body()
            except ClientDisconnect:
                return
            except errors.TurnstreamError as error:
                await self._refuse(scope, error)(scope, receive, send)
                return
            await self.api(scope, request.replay(body, receive), send)


class _Router:
    def __init__(self, table: routes.Routes, dialects: Dialects, api: ASGIApp) -> None:
        self._table, self._dialects, self._api = table, dialects, api

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        match = self._table.match(scope)
        if match is None:
            return self._api(scope, receive, send)
        return self._dialects(match, scope, receive, send)
