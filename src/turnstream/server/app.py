"""The ASGI application of a service.

::

    request id → spelling → field limit → CORS → errors → drain → hosts → auth or origin → permissions
    → a dialect, or Starlette: models, runs, health, documents, the page, 404, 405

A layer that only lets pass or refuses is not a coroutine itself: it returns the awaitable of the next one, so that
a stream does not pay for it (the outermost is one, because servers ask whether the application is). Requests to run an
agent do not go through its router: its way costs more than all else that a request costs before its model is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, nullcontext
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import identity
from turnstream.dialects import DIALECTS
from turnstream.runs import memory, stores
from turnstream.runs.admission import Admission
from turnstream.runs.keeper import Keeper
from turnstream.server import identities, insight, openapi, refusals, routes, scopes, triggers
from turnstream.server.conversations import Conversations
from turnstream.server.endpoints import (
    approvals,
    health,
    metrics,
    models,
    playground,
    responses,
    routing,
    runs,
    threads,
)
from turnstream.server.endpoints import conversations as conversation_items
from turnstream.server.endpoints.dialects import Dialects
from turnstream.server.kept import ONE_WAY, Exchanges, KeptRuns
from turnstream.server.middleware.auth import Auth
from turnstream.server.middleware.cors import Cors
from turnstream.server.middleware.drain import Drain
from turnstream.server.middleware.errors import Errors
from turnstream.server.middleware.fields import FieldLimit
from turnstream.server.middleware.hosts import Hosts
from turnstream.server.middleware.origin import Origin
from turnstream.server.middleware.permissions import Permissions
from turnstream.server.middleware.request_id import RequestId
from turnstream.server.middleware.spelling import Spelling
from turnstream.server.people import People
from turnstream.server.state import State
from turnstream.service import ServerSettings, Service


def app(service: Service, state: State | None = None) -> ASGIApp:
    """``state`` is for who wants to drain the server; see `turnstream.server.run`."""
    state = state or State(service.settings)
    table = routes.Routes([dialect() for dialect in DIALECTS], playground.paths(service.settings))
    refuse = refusals.Refusals(table, None if state.metrics is None else state.metrics.refused)
    state.runs.watches += service.watches
    store = stores.make(service.settings.store, service.folder, service.settings.memory_limit)
    admission = Admission(store.counters, service.settings.limits)
    conversations = Conversations(service.threads or store.threads)
    exchanges = Exchanges(conversations)
    runs = store.runs or memory.Runs(service.threads or store.threads)
    conversations.waiting = None if store.runs else runs
    meter = admission.meter_for
    hooks = exchanges.show, meter, ONE_WAY
    keeper = state.keeper = Keeper(runs, store.threads, service.agents, state.runs.watches, *hooks)
    state.scheduler = triggers.scheduler(service, store, keeper if store.runs else None)
    state.postman = triggers.postman(service, store, keeper if store.runs else None)
    kept = KeptRuns(keeper, conversations, exchanges, keeps=store.runs is not None)
    asked = People(keeper, service.agents)
    directory = identities.directory(service.settings, service.folder)
    api = _api(service, store, directory, admission, kept, asked, state, table, refuse)
    stack: ASGIApp = _Router(table, Dialects(service, state, admission, conversations, kept, asked, refuse), api)
    for layer, args, kwargs in reversed(_middleware(service.settings, state, directory, table, refuse)):
        stack = layer(stack, *args, **kwargs)
    return stack


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
        Middleware(Errors, refuse),
        Middleware(Drain, state, refuse),
        *([Middleware(Hosts, settings, refuse)] if settings.allowed_hosts or not settings.asks_who else []),
        Middleware(Auth, directory, table, refuse)
        if settings.asks_who
        else Middleware(Origin, settings, table, refuse),
        Middleware(Permissions, table, refuse),
    ]


class _Router:
    def __init__(self, table: routes.Routes, dialects: Dialects, api: ASGIApp) -> None:
        self._table, self._dialects, self._api = table, dialects, api

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        match = self._table.match(scope) if scope["type"] == "http" else None
        if match is None:
            return self._api(scope, receive, send)
        return self._dialects(match, scope, receive, send)


def _api(
    service: Service,
    store: stores.Store,
    directory: identity.Directory,
    admission: Admission,
    kept: KeptRuns,
    asked: People,
    state: State,
    table: routes.Routes,
    refuse: refusals.Refusals,
) -> ASGIApp:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with (
            directory,
            service,
            store,
            admission,
            state.keeper or nullcontext(),
            state.postman or nullcontext(),
            state.scheduler or nullcontext(),
            metrics.served(
                state.metrics, service.settings, state.metrics_port, partial(insight.measure, service, state)
            ),
        ):
            yield

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

    api = routing.Api()
    openapi.add(api, table.rows)
    models.add(api, service, refuse)
    runs.add(api, state.runs, kept, asked, service.settings, refuse)
    approvals.add(api, asked, refuse)
    responses.add(api, service, kept, service.threads or store.threads, refuse)
    conversation_items.add(api, service, kept.conversations, refuse)
    threads.add(api, service, service.threads or store.threads, refuse)
    health.add(api, service, state, service.threads or store.threads)
    playground.add(api, service, state, table, refuse)
    if state.metrics is not None and service.settings.metrics:
        metrics.add(api, state.metrics, service.settings, refuse)
    handlers = {HTTPException: http_error, Exception: fault}
    return Starlette(routes=api.routes(), exception_handlers=handlers, lifespan=lifespan)
