"""Responses that were asked for before, by their ids: as OpenAI's clients retrieve, resume, cancel and delete them."""

from __future__ import annotations

from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors, protocols
from turnstream.dialects import base, openai_responses, responses_kept, resume
from turnstream.server import deliver, kept, refusals, replies, scopes
from turnstream.server.endpoints import conversations, routing
from turnstream.service import Service

_DIALECT = openai_responses.Responses.name


class Responses:
    """Each finds the responses of its caller."""

    tag: ClassVar[str] = "responses"

    def __init__(
        self, service: Service, store: kept.KeptRuns, threads: protocols.Threads, refuse: refusals.Refusals
    ) -> None:
        self._service, self._store, self._threads, self._refuse = service, store, threads, refuse

    async def _find(self, request: Request) -> protocols.RunState:
        id, principal = request.path_params["response_id"], scopes.principal(request.scope)
        run_id = id.removeprefix(responses_kept.PREFIX) if id.startswith(responses_kept.PREFIX) else ""
        for agent in self._service.agents_of(principal):
            state = await self._threads.run(principal.name, agent, run_id)
            if state is not None and state.dialect == _DIALECT:
                return state
        text = f"Response with id '{id[:100]}' not found."
        raise errors.RequestError(text, param="response_id", code="response_not_found", status=404)

    @routing.endpoint("GET", "/v1/responses/{response_id}", "A response as it stands, or its stream again.")
    async def retrieve(self, request: Request) -> Response:
        state = await self._find(request)
        if request.query_params.get("stream", "").lower() != "true":
            return replies.respond(request.scope, base.Reply(200, await _load_shown(self._store, state)))
        exchange = await _exchange(self._store, state)
        if exchange is None:
            text = "stream: only a response of the background can be streamed again, and not for ever."
            raise errors.RequestError(text, param="stream", code="invalid_value")
        given = request.query_params.get("starting_after")
        seen = 0 if given is None else routing.number(given, "starting_after") + 1
        await self._store.runs.check(state.id, 0)
        watching = self._store.watch(state.id, state.agent, _DIALECT)
        return deliver.Again(watching, resume.Rest(exchange, seen), self._service.settings, self._refuse)

    @routing.endpoint("POST", "/v1/responses/{response_id}/cancel", "End a response of the background.")
    async def cancel(self, request: Request) -> Response:
        state = await self._find(request)
        if not state.body:
            text = "Only a response of the background can be cancelled."
            raise errors.RequestError(text, param="response_id", code="invalid_value")
        await self._store.runs.cancel(state.principal, state.id)
        return replies.respond(request.scope, base.Reply(200, await _load_shown(self._store, state)))

    @routing.endpoint("GET", "/v1/responses/{response_id}/input_items", "What a response answers, the last item first.")
    async def input_items(self, request: Request) -> Response:
        state = await self._find(request)
        key = protocols.ThreadKey(state.principal, state.agent, state.thread or "")
        if state.length is not None:
            given = state.length - (state.outputs or 0)
            return routing.respond(request, await conversations.page(request, self._threads, key, given))
        exchange = await _exchange(self._store, state)
        said = () if exchange is None else exchange.request.messages
        return routing.respond(request, await conversations.page_of(request, state.id, said))

    @routing.endpoint("DELETE", "/v1/responses/{response_id}", "Forget a response.")
    async def delete(self, request: Request) -> Response:
        state = await self._find(request)
        if not self._store.has_runs:
            raise errors.RequestError("This server keeps responses in memory alone.", code="runs_not_kept", status=501)
        await self._store.runs.delete(state.principal, state.id)
        return routing.respond(
            request, {"id": request.path_params["response_id"], "object": "response", "deleted": True}
        )


async def _exchange(store: kept.KeptRuns, state: protocols.RunState) -> base.Exchange | None:
    """The request that the run was started with; None if it was only stored at its end."""
    return await store.exchanges.read(state.agent, state.dialect, state.body) if state.body else None


async def _load_shown(store: kept.KeptRuns, state: protocols.RunState) -> bytes:
    if shown := (await store.show(state)).shown:
        return shown
    text = "The output of this response is no longer stored."
    raise errors.RequestError(text, param="response_id", code="log_expired", status=410)
