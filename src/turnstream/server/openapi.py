"""The OpenAPI document: what FastAPI knows of the routes, and the schemas of what dialects read and stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from turnstream.api import sse_models
from turnstream.dialects.base import Route

_REF = "#/components/schemas/{name}"
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


def operation(route: Route) -> dict[str, Any]:
    """What the document says of a dialect's route."""
    stream: dict[str, Any] = {}
    if route.event is not None:
        stream["text/event-stream"] = {"itemSchema": {"$ref": _REF.format(name=route.event)}}
    described: dict[str, Any] = {
        "responses": {
            "200": {"description": "A stream of events, or one answer", "content": {**stream, "application/json": {}}},
            "default": {
                "description": "An error",
                "content": {"application/json": {"schema": {"$ref": _REF.format(name="Error")}}},
            },
        }
    }
    if route.request is not None:
        schema = {"$ref": _REF.format(name=route.request.__name__)}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def document(api: FastAPI, routes: Iterable[Route]) -> dict[str, Any]:
    made = get_openapi(
        title=api.title,
        version=api.version,
        openapi_version="3.2.0",
        summary=api.summary,
        description=api.description,
        routes=api.routes,
    )
    requests = [route.request for route in routes if route.request is not None]
    _, read = msgspec.json.schema_components(requests, ref_template=_REF)
    _, streamed = models_json_schema(
        [(model, "serialization") for model in (sse_models.SSEChunk, sse_models.SSEStatus)],
        ref_template=_REF.replace("{name}", "{model}"),
    )
    components = made.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **read, **streamed.get("$defs", {}), "Error": _ERROR}
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    made["security"] = [{}, {"bearer": []}, {"key": []}]
    return made
