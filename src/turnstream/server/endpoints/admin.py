"""What an operator may do with a server that runs."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors
from turnstream.server import refusals
from turnstream.server.endpoints import routing


class Reload(Protocol):
    def __call__(self, *, spread: bool) -> Awaitable[list[str]]: ...


def add(api: routing.Api, reload: Reload, refuse: refusals.Refusals) -> None:
    route = routing.routes(api, refuse, "admin")

    @route("POST", "/admin/reload", "Load the configuration anew. One that is wrong changes nothing.")
    async def load_anew(request: Request) -> Response:
        try:
            fixed = await reload(spread=True)
        except errors.ConfigurationError as error:
            text = f"The configuration is wrong, and nothing has changed: {error.message}"
            raise errors.TurnstreamError(text, code="configuration_error", status=422) from error
        return routing.respond(request, {"object": "reload", "reloaded": True, "needs_restart": fixed})
