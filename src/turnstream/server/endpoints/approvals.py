"""Questions of runs that wait, for whoever may answer them."""

from __future__ import annotations

import html
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from turnstream import asks, errors
from turnstream.api import runs as api_bodies
from turnstream.dialects import asking, body as bodies
from turnstream.server import links, proxies, questions, scopes
from turnstream.server.endpoints import routing
from turnstream.service import ServerSettings


class Approvals:
    """Each finds the questions that its caller may answer."""

    tag: ClassVar[str] = "approvals"

    def __init__(self, asked: questions.Questions, settings: ServerSettings) -> None:
        self._asked, self._settings, self._links = asked, settings, links.Links(asked.runs)

    async def _show_linked(self, request: Request, found: questions.Found) -> dict[str, Any]:
        base_url = proxies.base_url(request.scope, self._settings)
        return {**show(found), "link": await self._links.make(found, base_url, scopes.principal(request.scope).name)}

    @routing.endpoint("GET", "/v1/approvals", "The open questions that you may answer, the newest first.")
    async def find(self, request: Request) -> Response:
        found = await self._asked.open_questions(scopes.principal(request.scope))
        listed_now = found[: routing.limit(request.query_params.get("limit"))]
        shown = [await self._show_linked(request, each) for each in listed_now]
        return routing.respond(request, {"object": "list", "data": shown})

    @routing.endpoint("GET", "/v1/approvals/{code}", "One open question.")
    async def get(self, request: Request) -> Response:
        return routing.respond(request, await self._show_linked(request, await find(self._asked, request)))

    @routing.endpoint("POST", "/v1/approvals/{code}", "Answer an open question.")
    async def answer(self, request: Request) -> Response:
        found = await find(self._asked, request)
        body = bodies.decode(await request.body(), api_bodies.Reply)
        given = read(api_bodies.Answer(found.ask.code, body.action, body.arguments, body.value, body.text, body.reason))
        if not await self._asked.answer(found, given, scopes.principal(request.scope).name):
            raise no_question(found.ask.code)
        return routing.respond(request, {"code": found.ask.code, "object": "approval", "answered": True})

    async def _open_link(self, request: Request) -> questions.Found | None:
        """The question that the link is for, if it is good and the question open."""
        query, code = request.query_params, request.path_params["code"]
        given = [query.get(name, "") for name in ("run", "by", "until", "signature")]
        if not await self._links.check(given[0], code, *given[1:]):
            return None
        return await self._asked.find_in(given[0], code)

    @routing.endpoint(
        "GET", links.PATH + "/{code}", "The page of a link: an open question, and a form that answers it."
    )
    async def look(self, request: Request) -> Response:
        found = await self._open_link(request)
        if found is None:
            return _page(request, links.notice_page(_GONE), 404)
        return _page(request, links.page(found))

    @routing.endpoint("POST", links.PATH + "/{code}", "Answer by a link.")
    async def act(self, request: Request) -> Response:
        found = await self._open_link(request)
        if found is None:
            return _page(request, links.notice_page(_GONE), 404)
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        if (action := form.get("action")) not in ("approve", "deny", "answer"):
            return _page(request, links.page(found), 400)
        answer = asks.Answer(
            found.ask.code,
            "decline" if action == "deny" else "accept",
            text=form.get("text", "") if action == "answer" else "",
            reason=form.get("reason", ""),
        )
        try:
            given = await self._asked.answer(found, answer, request.query_params.get("by", ""))
        except errors.RequestError as error:
            return _page(request, links.notice_page(html.escape(error.message)), 400)
        return _page(request, links.notice_page("Your answer is given." if given else _GONE), 200 if given else 404)


_GONE = "There is nothing to answer here, or no longer."


def _page(request: Request, text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, {**scopes.ids(request.scope), **links.HEADERS})


async def find(asked: questions.Questions, request: Request) -> questions.Found:
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


def show(found: questions.Found) -> dict[str, Any]:
    state, ask, call = found
    return {
        "object": "approval",
        "run": state.id,
        "agent": state.agent,
        "thread": state.thread,
        "principal": state.principal,
        "created_at": state.created_at,
        **asking.detail(ask, call),
        **({} if (held := questions.held_text(found)) is None else {"held": held}),
    }
