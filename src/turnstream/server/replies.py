"""Whole answers as ASGI responses, with the headers that every answer has."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Scope

from turnstream.dialects.base import Reply

# in the ASGI scope
REQUEST_ID = "turnstream.request_id"
SEND = "turnstream.send"  # the server's own; each layer above wraps it, and a stream would pay for that per batch


def request_id(scope: Scope) -> str:
    found: str = scope.get(REQUEST_ID, "")
    return found


def respond(scope: Scope, reply: Reply, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        reply.body,
        reply.status,
        {"x-request-id": request_id(scope), **reply.headers, **(headers or {})},
        reply.content_type,
    )
