"""Questions of runs that wait, for whoever may answer them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from turnstream import asks, errors
from turnstream.api import runs as api_bodies
from turnstream.dialects import asking
from turnstream.dialects import body as bodies
from turnstream.server import people, refusals, scopes
from turnstream.server.endpoints import routing


def add(api: routing.Api, asked: people.People, refuse: refusals.Refusals) -> None:
    route = routing.routes(api, refuse, "approvals")

    @route("GET", "/v1/approvals", "The open questions that you may answer, the newest first.")
    async def listed(request: Request) -> Response:
        found = await asked.open_questions(scopes.principal(request.scope))
        shown = [show(each) for each in found[: routing.limit(request.query_params.get("limit"))]]
        return routing.respond(request, {"object": "list", "data": shown})

    @route("GET", "/v1/approvals/{code}", "One open question.")
    async def get(request: Request) -> Response:
        return routing.respond(request, show(await find(asked, request)))

    @route("POST", "/v1/approvals/{code}", "Answer an open question.")
    async def answer(request: Request) -> Response:
        found = await find(asked, request)
        body = bodies.decode(await request.body(), api_bodies.Reply)
        given = read(api_bodies.Answer(found.ask.code, body.action, body.arguments, body.value, body.text, body.reason))
        if not await asked.answer(found, given, scopes.principal(request.scope).name):
            raise no_question(found.ask.code)
        return routing.respond(request, {"code": found.ask.code, "object": "approval", "answered": True})


async def find(asked: people.People, request: Request) -> people.Found:
    code = request.path_params["code"]
    found = await asked.find(code, scopes.principal(request.scope))
    if found is None:
        raise no_question(code)
    return found


def no_question(code: str) -> errors.RequestError:
    text = f"There is no open question '{asking.printable(code[:20])}' that you could answer."
    return errors.RequestError(text, code="question_not_found", status=404)


def read(given: api_bodies.Answer) -> asks.Answer:
    action = {"approve": "accept", "answer": "accept", "deny": "decline", "cancel": "cancel"}[given.action]
    value = given.value if given.arguments is None else given.arguments
    return asks.Answer(given.code.strip().upper(), action, value, given.text, given.reason)  # type: ignore[arg-type]


def show(found: people.Found) -> dict[str, Any]:
    state, ask, call = found
    return {
        "object": "approval",
        "run": state.id,
        "agent": state.agent,
        "thread": state.thread,
        "principal": state.principal,
        "created_at": state.created_at,
        **asking.detail(ask, call),
    }
