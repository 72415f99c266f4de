"""The OpenAPI document: what FastAPI says of the routes, and the schemas of what dialects read and stream.

Few ask for it, and FastAPI costs as much time and memory as half of the server: it is loaded when somebody does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from turnstream import __version__
from turnstream.dialects import base
from turnstream.server.endpoints import routing

PATH = "/openapi.json"
_REF = "#/components/schemas/{name}"
_ITEM = "x-itemSchema"  # as OpenAPI 3.2 has it without the x; few tools read 3.2
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def add(api: routing.Api, rows: Iterable[tuple[base.Route, base.Dialect]]) -> None:
    """The dialects' routes, for the document and for 405: requests that match one do not come as far as here."""
    routes: dict[tuple[str, str], tuple[base.Route, base.Dialect]] = {}
    for route, dialect in rows:
        routes[route.method, route.path] = (route, dialect)
    made: dict[str, Any] = {}
    making = asyncio.Lock()

    async def show(request: Request) -> Response:
        async with making:
            if not made:  # in a thread, because it takes long enough to be felt by the streams
                made.update(await asyncio.to_thread(document, api.rows, [route for route, _ in routes.values()]))
        return JSONResponse(made)

    api.add(PATH, show, "GET", "HEAD")
    for (method, path), (route, dialect) in routes.items():
        api.describe(path, endpoint, method, route.summary, dialect.name, operation(route))


async def endpoint(request: Request) -> Response:
    raise AssertionError("a dialect answers this")


def operation(route: base.Route) -> dict[str, Any]:
    """What the document says of a dialect's route."""
    stream: dict[str, Any] = {}
    if route.event is not None:
        stream["text/event-stream"] = {"schema": {"type": "string"}, _ITEM: {"$ref": _REF.format(name=route.event)}}
    described: dict[str, Any] = {
        "responses": {
            "200": {"description": "A stream of events, or one answer", "content": {**stream, "application/json": {}}},
            "default": {
                "description": "An error",
                "content": {"application/json": {"schema": {"$ref": _REF.format(name="Error")}}},
            },
        },
    }
    if route.request is not None:
        schema = {"$ref": _REF.format(name=route.request.__name__)}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _declare_parameters(paths: dict[str, dict[str, Any]]) -> None:
    """Those of paths that FastAPI cannot see: the endpoints read them from the request."""
    for path, operations in paths.items():
        for described in operations.values():
            declared: list[dict[str, Any]] = described.setdefault("parameters", [])
            known = {parameter["name"] for parameter in declared}
            declared += [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in re.findall(r"{(\w+)", path)
                if name not in known
            ]


def document(rows: Sequence[routing.Row], routes: Iterable[base.Route]) -> dict[str, Any]:
    from pydantic.json_schema import models_json_schema

    from turnstream.api import sse_models

    made = _describe(rows)
    requests = [route.request for route in routes if route.request is not None]
    _, read = msgspec.json.schema_components(requests, ref_template=_REF)
    _, streamed = models_json_schema(
        [(model, "serialization") for model in (sse_models.SSEChunk, sse_models.SSEStatus)],
        ref_template=_REF.replace("{name}", "{model}"),
    )
    _declare_parameters(made["paths"])
    components = made.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **read, **streamed.get("$defs", {}), "Error": _ERROR}
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    made["security"] = [{}, {"bearer": []}, {"key": []}]
    made["servers"] = [{"url": "."}]  # beside the document, also where a proxy has both below a path
    return made


def _describe(rows: Sequence[routing.Row]) -> dict[str, Any]:
    from fastapi import FastAPI

    api = FastAPI(title="Turnstream", version=__version__, summary="Agents, streamed.")
    for row in rows:
        if row.described is not None:
            api.add_api_route(
                row.path,
                endpoint,
                name=row.endpoint.__name__,
                methods=list(row.methods),
                summary=row.summary,
                tags=[row.tag],
                response_class=Response,
                openapi_extra=row.described,
            )
    return api.openapi()
