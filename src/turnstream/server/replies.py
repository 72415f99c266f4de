"""Whole answers as ASGI responses, with the headers that every answer has."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Scope

from turnstream.dialects import base
from turnstream.server import scopes


def respond(scope: Scope, reply: base.Reply, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        reply.body,
        reply.status,
        {**scopes.ids(scope), **reply.headers, **(headers or {})},
        reply.content_type,
    )
