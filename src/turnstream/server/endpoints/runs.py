"""Runs by their ids, for whoever started them."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from turnstream import errors, jsontext
from turnstream.dialects import base
from turnstream.runs import supervisor
from turnstream.server import refusals, replies, scopes


def add(api: FastAPI, runs: supervisor.Supervisor, refuse: refusals.Refusals) -> None:
    @api.post("/v1/runs/{run_id}/cancel", tags=["runs"], response_class=Response, summary="End a run now.")
    async def cancel(request: Request, run_id: str) -> Response:
        if not runs.cancel(run_id, scopes.principal(request.scope)):
            return refuse(request.scope, _no_run(run_id))
        body = {"id": run_id, "object": "run", "status": "cancelled"}
        return replies.respond(request.scope, base.Reply(200, jsontext.encode(body)))


def _no_run(id: str) -> errors.RequestError:
    message = f"There is no run '{id[:100]}', or no longer."
    return errors.RequestError(message, param="run_id", code="run_not_found", status=404)
