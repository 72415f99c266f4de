"""Whole answers and errors as ASGI responses, with the headers that every answer has."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Scope

from turnstream.dialects.base import Reply, json
from turnstream.dialects.openai_chat import envelope

REQUEST_ID = "turnstream.request_id"  # in the ASGI scope


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
