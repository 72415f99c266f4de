"""Whole answers and errors as ASGI responses, with the headers that every answer has."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Scope

from turnstream.dialects.base import Reply, json
from turnstream.dialects.openai_chat import envelope

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


def error(
    scope: Scope,
    status: int,
    message: str,
    code: str,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error outside of any dialect, in OpenAI's envelope."""
    return respond(scope, Reply(status, json(envelope(message, status, code, param))), headers)


def internal_error(scope: Scope) -> Response:
    message = "The request failed because of an error in the server; its log has the details."
    return error(scope, 500, message, "internal_error")
