"""Errors while nothing of an answer has been sent, in the words of the dialect that the client speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Scope

from turnstream.dialects.base import Dialect, Route
from turnstream.dialects.openai_chat import refusal
from turnstream.events import ProviderError, TurnstreamError
from turnstream.server import replies


def fits(route: Route, headers: Mapping[str, str]) -> bool:
    return route.header is None or route.header in headers


class Refusals:
    """The path tells the dialect, whatever the method; outside of all of them errors are OpenAI's."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._rows = [(compile_path(route.path)[0], route, one) for one in dialects for route in one.routes]
        self._public = [pattern for pattern, route, _ in self._rows if route.public]

    def __call__(self, scope: Scope, error: TurnstreamError, headers: Mapping[str, str] | None = None) -> Response:
        dialect = self._dialect(scope)
        reply = refusal(error) if dialect is None else dialect.error(error, replies.request_id(scope))
        wait: dict[str, str] = {}
        if isinstance(error, ProviderError) and error.retry_after is not None and reply.status >= 400:
            wait = {"retry-after": str(max(1, round(error.retry_after)))}
        return replies.respond(scope, reply, {**wait, **(headers or {})})

    def is_public(self, path: str) -> bool:
        return any(pattern.match(path) for pattern in self._public)

    def fault(self, scope: Scope) -> Response:
        text = "The request failed because of an error in the server; its log has the details."
        return self(scope, TurnstreamError(text))

    def _dialect(self, scope: Scope) -> Dialect | None:
        path, headers = scope["path"], Headers(scope=scope)
        found = (one for pattern, route, one in self._rows if pattern.match(path) and fits(route, headers))
        return next(found, None)
