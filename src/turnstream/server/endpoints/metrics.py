"""What Prometheus reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors
from turnstream.server import addresses, refusals, scopes, state as states
from turnstream.server.endpoints import routing
from turnstream.service import ServerSettings
from turnstream.telemetry import lag

if TYPE_CHECKING:
    from turnstream.telemetry.metrics import Metrics

PATH = "/metrics"


def add(api: routing.Api, state: states.State, settings: ServerSettings, refuse: refusals.Refusals) -> None:
    """For the scope `metrics`, and there a key that opens some agents only does not open this. Without keys it is
    for this machine alone."""

    async def show(request: Request) -> Response:
        if (message := explain_refusal(request, settings)) is not None:
            return refuse(request.scope, errors.TurnstreamError(message, code="forbidden", status=403))
        if (message := explain_absence(settings)) is not None:
            return refuse(request.scope, errors.TurnstreamError(message, code="not_found", status=404))
        try:
            metrics = await state.count()
        except ImportError:
            message = "Metrics need the extra 'metrics': pip install 'turnstream[metrics]'."
            return refuse(request.scope, errors.TurnstreamError(message, code="not_found", status=404))
        body, content_type = metrics.expose(request.headers.get("accept", ""))
        return Response(body, media_type=content_type)

    api.describe(PATH, show, "GET", "For Prometheus.", "health")


def explain_refusal(request: Request, settings: ServerSettings) -> str | None:
    """Why it may not see what concerns all agents; None if it may."""
    if scopes.principal(request.scope).agents is not None:
        return "This key opens some agents, and not the metrics of all."
    if not settings.asks_who and not addresses.is_loopback(settings.host):
        return "Without keys the metrics are for the server's own machine: set keys, or metrics_port."
    return None


def explain_absence(settings: ServerSettings) -> str | None:
    """Why there are none here; None where there are, or will be from now on."""
    if settings.metrics:
        return None
    if settings.metrics_port is not None:
        return f"Metrics are on a port of their own, {settings.metrics_port}; set server.metrics to have them here too."
    if settings.metrics is False:
        return "Metrics are off: set server.metrics."
    if settings.workers > 1:
        return "Several workers count nothing unless they are told to before they start: set server.metrics."
    return None


@asynccontextmanager
async def _enter_last(metrics: Metrics) -> AsyncIterator[None]:
    """Other processes tell what this one has counted to its end."""
    try:
        yield
    finally:
        metrics.enter()


@asynccontextmanager
async def serve(
    metrics: Metrics | None, settings: ServerSettings, port: int | None, tell: Callable[[Metrics], None]
) -> AsyncIterator[None]:
    """Measures the loop meanwhile, and what ``tell`` looks at; serves the metrics on a ``port`` of their own, if there
    is one, without keys."""
    if metrics is None:
        yield
        return

    def look(late: float) -> None:
        metrics.loop_lag.set(late)
        tell(metrics)
        metrics.enter()

    async with _enter_last(metrics), lag.measure(look):
        if port is None:
            yield
            return
        from prometheus_client import start_http_server

        server, thread = start_http_server(port, settings.host.strip("[]"), metrics.readable())
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
