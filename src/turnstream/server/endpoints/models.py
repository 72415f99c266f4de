"""The agents, as OpenAI lists its models."""

from __future__ import annotations

import time

from fastapi import FastAPI, Request
from starlette.responses import Response

from turnstream import jsontext
from turnstream.agent import Agent
from turnstream.dialects import base
from turnstream.server import refusals, replies, scopes
from turnstream.service import Service


def add(api: FastAPI, service: Service, refuse: refusals.Refusals) -> None:
    created = int(time.time())

    @api.head("/v1/models", include_in_schema=False)
    @api.get("/v1/models", tags=["models"], response_class=Response, summary="The agents.")
    async def models(request: Request) -> Response:
        data = [
            _model(name, agent, created) for name, agent in service.agents_of(scopes.principal(request.scope)).items()
        ]
        return replies.respond(request.scope, base.Reply(200, jsontext.encode({"object": "list", "data": data})))

    @api.head("/v1/models/{model:path}", include_in_schema=False)
    @api.get("/v1/models/{model:path}", tags=["models"], response_class=Response, summary="One agent.")
    async def model(request: Request, model: str) -> Response:
        principal = scopes.principal(request.scope)
        name = service.resolve(model, principal)
        if name is None:
            return refuse(request.scope, refusals.no_agent(model, service.agents_of(principal)))
        shown = _model(name, service.agents[name], created)
        return replies.respond(request.scope, base.Reply(200, jsontext.encode(shown)))


def _model(name: str, agent: Agent, created: int) -> dict[str, object]:
    """What a client may know of an agent: never its instructions, model, keys or addresses."""
    shown = {"id": name, "object": "model", "created": created, "owned_by": "turnstream"}
    return {**shown, "description": agent.description} if agent.description else shown
