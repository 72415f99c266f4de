"""The agents, as OpenAI lists its models."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from turnstream import jsontext
from turnstream.agent import Agent
from turnstream.dialects import base
from turnstream.server import refusals, replies, scopes
from turnstream.server.endpoints import routing
from turnstream.service import Service


def add(api: routing.Api, service: Service, refuse: refusals.Refusals) -> None:
    created = int(time.time())

    async def models(request: Request) -> Response:
        data = [
            _model(name, agent, created) for name, agent in service.agents_of(scopes.principal(request.scope)).items()
        ]
        return replies.respond(request.scope, base.Reply(200, jsontext.encode({"object": "list", "data": data})))

    async def model(request: Request) -> Response:
        asked, principal = request.path_params["model"], scopes.principal(request.scope)
        name = service.resolve(asked, principal)
        if name is None:
            return refuse(request.scope, refusals.no_agent(asked, service.agents_of(principal)))
        shown = _model(name, service.agents[name], created)
        return replies.respond(request.scope, base.Reply(200, jsontext.encode(shown)))

    for path, endpoint, summary in (
        ("/v1/models", models, "The agents."),
        ("/v1/models/{model:path}", model, "One agent."),
    ):
        api.describe(path, endpoint, "GET", summary, "models")
        api.add(path, endpoint, "HEAD")


def _model(name: str, agent: Agent, created: int) -> dict[str, object]:
    """What a client may know of an agent: never its instructions, model, keys or addresses."""
    shown = {"id": name, "object": "model", "created": created, "owned_by": "turnstream"}
    return {**shown, "description": agent.description} if agent.description else shown
