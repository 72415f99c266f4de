"""What Prometheus reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors
from turnstream.server import refusals, scopes
from turnstream.server.endpoints import routing
from turnstream.service import ServerSettings
from turnstream.telemetry import lag

if TYPE_CHECKING:
    from turnstream.telemetry.metrics import Metrics

PATH = "/metrics"


def add(api: routing.Api, metrics: Metrics, refuse: refusals.Refusals) -> None:
    """Behind the keys, where there are some: one that opens some agents only does not open this."""

    async def show(request: Request) -> Response:
        if scopes.principal(request.scope).agents is not None:
            message = "This key opens some agents, and not the metrics of all."
            return refuse(request.scope, errors.TurnstreamError(message, code="forbidden", status=403))
        body, content_type = metrics.exposed(request.headers.get("accept", ""))
        return Response(body, media_type=content_type)

    api.describe(PATH, show, "GET", "For Prometheus.", "health")


@asynccontextmanager
async def served(metrics: Metrics | None, settings: ServerSettings) -> AsyncIterator[None]:
    """Measures the loop meanwhile, and serves the metrics on a port of their own, without keys, if they have one."""
    if metrics is None:
        yield
        return
    async with lag.measured(metrics.loop_lag.set):
        if settings.metrics_port is None:
            yield
            return
        from prometheus_client import start_http_server

        server, thread = start_http_server(settings.metrics_port, settings.host.strip("[]"), metrics.registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
