"""What the endpoints of our own API have in common: errors in OpenAI's form, answers as JSON, pages of lists."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from fastapi import FastAPI, Request
from starlette.responses import Response

from turnstream import errors, jsontext
from turnstream.dialects import base
from turnstream.server import refusals, replies

MOST_LISTED = 100
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def routes(api: FastAPI, refuse: refusals.Refusals, tag: str) -> Callable[[str, str, str], Callable[[Endpoint], None]]:
    """A decorator of endpoints: method, path, what it does."""

    def route(method: str, path: str, summary: str) -> Callable[[Endpoint], None]:
        def register(endpoint: Endpoint) -> None:
            async def answer(request: Request) -> Response:
                try:
                    return await endpoint(request)
                except errors.TurnstreamError as error:
                    return refuse(request.scope, error)

            answer.__name__ = endpoint.__name__
            api.add_api_route(
                path,
                answer,
                methods=[method],
                summary=summary,
                tags=[tag],
                response_class=Response,
                openapi_extra={"parameters": [_parameter(name) for name in re.findall(r"{(\w+)}", path)]},
            )

        return register

    return route


def _parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def respond(request: Request, body: dict[str, Any]) -> Response:
    return replies.respond(request.scope, base.Reply(200, jsontext.encode(body)))


def number(given: str | None, name: str) -> int:
    if not given:
        return 0
    if not given.isdecimal() or len(given) > 15:
        raise errors.RequestError(f"{name}: expected a whole number.", param=name, code="invalid_value")
    return int(given)


def limit(given: str | None, default: int = 20) -> int:
    """How many of a list are asked for."""
    count = default if given is None else number(given, "limit")
    if not 0 < count <= MOST_LISTED:
        text = f"limit: expected a number from 1 to {MOST_LISTED}."
        raise errors.RequestError(text, param="limit", code="invalid_value")
    return count
