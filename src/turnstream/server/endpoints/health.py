"""Whether the process lives, and whether it takes new runs."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from turnstream.dialects import base
from turnstream.server import replies
from turnstream.server import state as states


def add(api: FastAPI, state: states.State) -> None:
    async def healthz(request: Request) -> Response:
        return replies.respond(request.scope, base.Reply(200, b'{"status":"ok"}'))

    async def readyz(request: Request) -> Response:
        if state.draining:
            retry = {"retry-after": str(states.RETRY_AFTER)}
            return replies.respond(request.scope, base.Reply(503, b'{"status":"draining"}'), retry)
        return replies.respond(request.scope, base.Reply(200, b'{"status":"ready"}'))

    for path, endpoint, summary in (
        ("/healthz", healthz, "The process is alive."),
        ("/health", healthz, "As /healthz."),
        ("/readyz", readyz, "New runs are taken."),
    ):
        api.add_api_route(path, endpoint, methods=["GET"], tags=["health"], response_class=Response, summary=summary)
        api.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
