"""Runs by their ids, for whoever started them."""

from __future__ import annotations

from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors, protocols
from turnstream.api import runs as api_bodies
from turnstream.dialects import body as bodies, native, resume
from turnstream.runs import supervisor
from turnstream.server import answers, deliver, kept, questions, refusals, scopes
from turnstream.server.endpoints import approvals, routing
from turnstream.service import ServerSettings


class Runs:
    """Each finds the runs of its caller."""

    tag: ClassVar[str] = "runs"

    def __init__(
        self,
        live: supervisor.Supervisor,
        store: kept.KeptRuns,
        asked: questions.Questions,
        settings: ServerSettings,
        refuse: refusals.Refusals,
    ) -> None:
        self._live, self._store, self._asked, self._settings, self._refuse = live, store, asked, settings, refuse

    @routing.endpoint("POST", "/v1/runs/{run_id}/cancel", "End a run now.")
    async def cancel(self, request: Request) -> Response:
        run_id, principal = request.path_params["run_id"], scopes.principal(request.scope)
        if not self._live.cancel(run_id, principal) and not await self._store.cancel(principal.name, run_id):
            raise refusals.no_run(run_id)
        return routing.respond(request, {"id": run_id, "object": "run", "status": "cancelled"})

    @routing.endpoint("GET", "/v1/runs", "The runs that are kept, the newest first.")
    async def recent(self, request: Request) -> Response:
        query = request.query_params
        principal = scopes.principal(request.scope)
        found = await self._store.runs.recent(
            principal.name,
            query.get("agent"),
            thread=query.get("thread"),
            before=query.get("before"),
            limit=routing.limit(query.get("limit")),
        )
        data = [native.show(state) for state in found if principal.may_use(state.agent)]
        return routing.respond(request, {"object": "list", "data": data})

    @routing.endpoint(
        "GET", "/v1/runs/{run_id}", "A run that is kept, with its tool calls as long as its events are stored."
    )
    async def get(self, request: Request) -> Response:
        state = await _find(self._store, request)
        calls = native.show_calls(await self._store.waiting.log(state.id))
        return routing.respond(request, {**native.show(state), "calls": calls})

    @routing.endpoint("DELETE", "/v1/runs/{run_id}", "Forget a run and its events; one that has not ended is ended.")
    async def delete(self, request: Request) -> Response:
        state = await _find(self._store, request)
        await self._store.waiting.cancel(state.principal, state.id)
        await self._store.waiting.delete(state.principal, state.id)
        return routing.respond(request, {"id": state.id, "object": "run", "deleted": True})

    @routing.endpoint(
        "POST", "/v1/runs/{run_id}/answer", "Answer what a run waits for: results of calls, and decisions."
    )
    async def answer(self, request: Request) -> Response:
        principal = scopes.principal(request.scope)
        body = bodies.decode(await request.body(), api_bodies.AnswerBody)
        if not body.answers:
            state = await _find(self._store, request)
            answered = answers.read(body, state.ending, by=principal.name)
            self._asked.check(state, answered, principal)
            if not await self._store.waiting.answer(state.principal, state.id, answered):
                raise _not_waiting(state.id)
            return routing.respond(request, native.show(await _find(self._store, request)))
        run_id, state_after = request.path_params["run_id"], None
        for each in body.answers:
            found = await self._asked.find(each.code, principal)
            if found is None or found.state.id != run_id:
                raise approvals.no_question(each.code)
            if not await self._asked.answer(found, approvals.read(each), principal.name):
                raise _not_waiting(run_id)
            state_after = await self._store.waiting.get(found.state.principal, run_id)
        return routing.respond(request, {} if state_after is None else native.show(state_after))

    @routing.endpoint(
        "GET", "/v1/runs/{run_id}/events", "The events of a run, from its first or behind `after`, to its end."
    )
    async def follow(self, request: Request) -> Response:
        state = await _find(self._store, request)
        after = _position(request)
        await self._store.waiting.check(state.id, after)
        watching = self._store.watch(state.id, state.agent, after=after)
        return deliver.Again(watching, native.View(after), self._settings, self._refuse)

    @routing.endpoint(
        "GET", "/v1/runs/{run_id}/stream", "The answer of a run in the protocol that it was asked for in, again."
    )
    async def stream(self, request: Request) -> Response:
        state = await _find(self._store, request)
        after = resume.position(request.query_params, request.headers)
        await self._store.waiting.check(state.id, 0)
        again = await self._store.again(state, lambda exchange, _: resume.Rest(exchange, after), skips=after is None)
        if again is None:
            raise errors.LogExpiredError("The events of this run are not stored.")
        return deliver.Again(*again, self._settings, self._refuse)


async def _find(store: kept.KeptRuns, request: Request) -> protocols.RunState:
    principal, run_id = scopes.principal(request.scope), request.path_params["run_id"]
    state = await store.waiting.get(principal.name, run_id)
    if state is None or not principal.may_use(state.agent):
        raise refusals.no_run(run_id)
    return state


def _position(request: Request) -> int:
    return routing.number(request.headers.get("last-event-id") or request.query_params.get("after"), "after")


def _not_waiting(id: str) -> errors.RequestError:
    return errors.RequestError(f"The run '{id}' does not wait any more.", code="run_not_waiting", status=409)
