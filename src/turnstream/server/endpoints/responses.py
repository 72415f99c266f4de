"""Responses that were asked for before, by their ids: as OpenAI's clients retrieve, resume, cancel and delete them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors, protocols
from turnstream.dialects import base, openai_responses, responses_kept, resume
from turnstream.server import deliver, kept, refusals, replies, scopes
from turnstream.server.endpoints import conversations, routing
from turnstream.service import Service

_DIALECT = openai_responses.Responses.name


def add(
    api: routing.Api, service: Service, store: kept.KeptRuns, threads: protocols.Threads, refuse: refusals.Refusals
) -> None:
    route = routing.routes(api, refuse, "responses")

    async def find(request: Request) -> protocols.RunState:
        id, principal = request.path_params["response_id"], scopes.principal(request.scope)
        run_id = id.removeprefix(responses_kept.PREFIX) if id.startswith(responses_kept.PREFIX) else ""
        for agent in service.agents_of(principal):
            state = await threads.run(principal.name, agent, run_id)
            if state is not None and state.dialect == _DIALECT:
                return state
        text = f"Response with id '{id[:100]}' not found."
        raise errors.RequestError(text, param="response_id", code="response_not_found", status=404)

    @route("GET", "/v1/responses/{response_id}", "A response as it stands, or its stream again.")
    async def retrieve(request: Request) -> Response:
        state = await find(request)
        if request.query_params.get("stream", "").lower() != "true":
            return replies.respond(request.scope, base.Reply(200, await _load_shown(store, state)))
        exchange = await _exchange(store, state)
        if exchange is None:
            text = "stream: only a response of the background can be streamed again, and not for ever."
            raise errors.RequestError(text, param="stream", code="invalid_value")
        given = request.query_params.get("starting_after")
        seen = 0 if given is None else routing.number(given, "starting_after") + 1
        await store.runs.check(state.id, 0)
        watching = store.watch(state.id, state.agent, _DIALECT)
        return deliver.Again(watching, resume.Rest(exchange, seen), service.settings, refuse)

    @route("POST", "/v1/responses/{response_id}/cancel", "End a response of the background.")
    async def cancel(request: Request) -> Response:
        state = await find(request)
        if not state.body:
            text = "Only a response of the background can be cancelled."
            raise errors.RequestError(text, param="response_id", code="invalid_value")
        await store.runs.cancel(state.principal, state.id)
        return replies.respond(request.scope, base.Reply(200, await _load_shown(store, state)))

    @route("GET", "/v1/responses/{response_id}/input_items", "What a response answers, the last item first.")
    async def input_items(request: Request) -> Response:
        state = await find(request)
        key = protocols.ThreadKey(state.principal, state.agent, state.thread or "")
        if state.length is not None:
            given = state.length - (state.outputs or 0)
            return routing.respond(request, await conversations.page(request, threads, key, given))
        exchange = await _exchange(store, state)
        said = () if exchange is None else exchange.request.messages
        return routing.respond(request, await conversations.page_of(request, state.id, said))

    @route("DELETE", "/v1/responses/{response_id}", "Forget a response.")
    async def delete(request: Request) -> Response:
        state = await find(request)
        if not store.has_runs:
            raise errors.RequestError("This server keeps responses in memory alone.", code="runs_not_kept", status=501)
        await store.runs.delete(state.principal, state.id)
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
