"""From an HTTP request to a dialect's `ClientRequest`, within limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from starlette.requests import Request

from turnstream.dialects.base import ClientRequest
from turnstream.events import RequestError
from turnstream.server import replies
from turnstream.service import ServerSettings

BODY_TIMEOUT = 60.0  # seconds for the whole body to arrive


async def client_request(request: Request, settings: ServerSettings, agents: Mapping[str, str]) -> ClientRequest:
    """Raises `RequestError` for a body that is compressed, too large or too slow. The body of a GET is not read."""
    return ClientRequest(
        body=b"" if request.method == "GET" else await _body(request, settings.max_body),
        id=replies.request_id(request.scope),
        time=time.time(),
        headers=_headers(request),
        path_params={name: str(value) for name, value in request.path_params.items()},
        query=dict(request.query_params),
        statuses=settings.statuses,
        method=request.method,
        agents=agents,
        base_url=str(request.base_url),
        path=request.scope["path"],
    )


def _headers(request: Request) -> dict[str, str]:
    """By name, the first of each. Starlette's mapping looks through all fields for each of them."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.scope["headers"])}


async def _body(request: Request, limit: int) -> bytes:
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        text = f"The request body is compressed ({coding[:20]!r}): send it as it is."
        raise RequestError(text, code="unsupported_content_encoding", status=415)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                pieces.append(piece)
    except TimeoutError:
        text = f"The request body did not arrive within {BODY_TIMEOUT:g} seconds."
        raise RequestError(text, code="request_timeout", status=408) from None
    return b"".join(pieces)


def _too_large(limit: int) -> RequestError:
    text = f"The request body is larger than {limit} bytes."
    return RequestError(text, code="request_too_large", status=413)
