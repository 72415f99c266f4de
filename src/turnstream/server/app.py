"""The ASGI application of a service. FastAPI routes and documents; the answers are our own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import msgspec
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from turnstream import __version__
from turnstream.agent import Agent
from turnstream.dialects import DIALECTS
from turnstream.dialects.base import Cancellation, Dialect, Reply, Route, json
from turnstream.events import RequestError, RunRequest, TurnstreamError
from turnstream.server import openapi, replies
from turnstream.server.answer import answer
from turnstream.server.guard import Guard
from turnstream.server.intake import client_request
from turnstream.server.middleware.fields import FieldLimit
from turnstream.server.middleware.request_id import RequestId
from turnstream.server.refusals import Refusals, fits
from turnstream.server.state import RETRY_AFTER, State
from turnstream.service import Service

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def app(service: Service, state: State | None = None) -> ASGIApp:
    """``state`` is for who wants to drain the server; see `turnstream.server.run`."""
    state = state or State()
    settings = service.settings
    dialects = [dialect() for dialect in DIALECTS]
    refusals = Refusals(dialects)
    made: ASGIApp = Guard(_Api(service, state, dialects, refusals), settings, state, refusals)
    if settings.cors_origins:
        made = CORSMiddleware(
            made,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after"],
            max_age=600,
        )
    return RequestId(FieldLimit(made, refusals))


class _Api:
    """FastAPI routes and documents. A request to run an agent goes straight to its dialect where the path says which:
    FastAPI's way there costs more than all else that a request costs before its model is asked."""

    def __init__(self, service: Service, state: State, dialects: Sequence[Dialect], refusals: Refusals) -> None:
        self._service, self._state, self._refuse = service, state, refusals
        self._created = int(time.time())
        self._described = {name: agent.description for name, agent in service.agents.items()}
        self.api = FastAPI(
            title="Turnstream",
            version=__version__,
            summary="Agents, streamed.",
            lifespan=self._lifespan,
            redoc_url=None,
            exception_handlers={HTTPException: self._http_error, Exception: self._fault},
        )
        self._direct: dict[tuple[str, str], Endpoint] = {}
        self._add_dialects(dialects)
        self._add_models()
        self._add_health()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._direct.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            await self.api(scope, receive, send)
        else:
            await (await endpoint(Request(scope, receive)))(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, api: FastAPI) -> AsyncIterator[None]:
        async with self._service:
            yield

    # ---------------------------------------------------------------------------------------------------- dialects

    def _add_dialects(self, dialects: Sequence[Dialect]) -> None:
        places: dict[tuple[str, str], list[tuple[Route, Dialect]]] = {}
        for dialect in dialects:
            for route in dialect.routes:
                places.setdefault((route.method, route.path), []).append((route, dialect))
        for (method, path), rows in places.items():
            route, dialect = rows[-1]
            endpoint = self._endpoint(rows)
            if "{" not in path:
                self._direct[method, path] = endpoint
            self.api.add_api_route(
                path,
                endpoint,
                methods=[method],
                summary=route.summary,
                tags=[dialect.name],
                response_class=Response,
                openapi_extra=openapi.operation(route),
            )
        routes = [route for rows in places.values() for route, _ in rows]

        def document() -> dict[str, object]:
            if self.api.openapi_schema is None:
                self.api.openapi_schema = openapi.document(self.api, routes)
            return self.api.openapi_schema

        self.api.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way

    def _endpoint(self, rows: Sequence[tuple[Route, Dialect]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            fitting = (dialect for route, dialect in rows if fits(route, request.headers))
            return await self._answer(request, next(fitting))

        return endpoint

    async def _answer(self, request: Request, dialect: Dialect) -> Response:
        try:
            call = dialect.decode(await client_request(request, self._service.settings, self._described))
            if isinstance(call, Cancellation):
                self._state.cancel(call.run_id)
                call = call.reply
            if isinstance(call, Reply):
                return replies.respond(request.scope, call)
            agent = self._agent(call.request.agent)
            asked = self._with_headers(call.request, request.headers)
            run = agent.run(asked, run_id=replies.request_id(request.scope))
            return answer(run, call, self._refuse, self._state, self._service.settings)
        except ClientDisconnect:
            return Response(status_code=400)
        except TurnstreamError as error:
            return self._refuse(request.scope, error)

    def _agent(self, name: str | None) -> Agent:
        agents = self._service.agents
        if name is None:
            return next(iter(agents.values()))
        if name not in agents:
            raise _no_agent(name)
        return agents[name]

    def _with_headers(self, request: RunRequest, headers: Mapping[str, str]) -> RunRequest:
        allowed = {name: headers[name] for name in self._service.settings.forward_headers if name in headers}
        return msgspec.structs.replace(request, headers=allowed) if allowed else request

    # ------------------------------------------------------------------------------------------------------- models

    def _add_models(self) -> None:
        @self.api.get("/v1/models", tags=["models"], response_class=Response, summary="The agents.")
        async def models(request: Request) -> Response:
            data = [self._model(name, agent) for name, agent in self._service.agents.items()]
            return replies.respond(request.scope, Reply(200, json({"object": "list", "data": data})))

        @self.api.get("/v1/models/{model:path}", tags=["models"], response_class=Response, summary="One agent.")
        async def model(request: Request, model: str) -> Response:
            agent = self._service.agents.get(model)
            if agent is None:
                return self._refuse(request.scope, _no_agent(model))
            return replies.respond(request.scope, Reply(200, json(self._model(model, agent))))

    def _model(self, name: str, agent: Agent) -> dict[str, object]:
        """What a client may know of an agent: never its instructions, model, keys or addresses."""
        made = {"id": name, "object": "model", "created": self._created, "owned_by": "turnstream"}
        return {**made, "description": agent.description} if agent.description else made

    # ------------------------------------------------------------------------------------------------------- health

    def _add_health(self) -> None:
        async def healthz(request: Request) -> Response:
            return replies.respond(request.scope, Reply(200, b'{"status":"ok"}'))

        async def readyz(request: Request) -> Response:
            if self._state.draining:
                retry = {"retry-after": str(RETRY_AFTER)}
                return replies.respond(request.scope, Reply(503, b'{"status":"draining"}'), retry)
            return replies.respond(request.scope, Reply(200, b'{"status":"ready"}'))

        for path, endpoint, summary in (
            ("/healthz", healthz, "The process is alive."),
            ("/health", healthz, "As /healthz."),
            ("/readyz", readyz, "New runs are taken."),
        ):
            add = self.api.add_api_route
            add(path, endpoint, methods=["GET"], tags=["health"], response_class=Response, summary=summary)
            add(path, endpoint, methods=["HEAD"], include_in_schema=False)

    # ------------------------------------------------------------------------------------------------------- errors

    async def _http_error(self, request: Request, error: Exception) -> Response:
        """What routing refuses: 404, 405."""
        assert isinstance(error, HTTPException)
        method, path, status = request.method, request.url.path, error.status_code
        if status == 405:
            message, code = f"{method} is not allowed for {path}.", "method_not_allowed"
        elif status == 404:
            message, code = f"There is nothing at {path}.", "not_found"
        else:
            message, code = str(error.detail), "http_error"
        return self._refuse(request.scope, TurnstreamError(message, code=code, status=status), error.headers)

    async def _fault(self, request: Request, error: Exception) -> Response:
        """The guard logs it."""
        return self._refuse.fault(request.scope)


def _no_agent(name: str) -> RequestError:
    message = f"There is no agent named '{name[:100]}'."
    return RequestError(message, param="model", code="model_not_found", status=404)
