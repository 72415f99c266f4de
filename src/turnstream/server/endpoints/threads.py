"""Kept conversations, for whoever had them: listed, read, titled, forked, rewound, deleted."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors, messages, protocols
from turnstream.api import runs as api_bodies
from turnstream.dialects import body as bodies
from turnstream.server import refusals, scopes
from turnstream.server.endpoints import routing
from turnstream.service import Service


class Threads:
    """Each finds what is kept under its caller."""

    tag: ClassVar[str] = "threads"

    def __init__(self, service: Service, store: protocols.Threads) -> None:
        self._service, self._store = service, store

    def _key(self, request: Request) -> protocols.ThreadKey:
        """Under who asks, and the agent that the query names; the first one without."""
        principal = scopes.principal(request.scope)
        agents = self._service.agents_of(principal)
        agent = request.query_params.get("agent") or next(iter(agents), "")
        if agent not in agents:
            raise refusals.no_agent(agent, agents)
        return protocols.ThreadKey(principal.name, agent, request.path_params["thread_id"])

    @routing.endpoint("GET", "/v1/threads", "Conversations that are kept, the last changed first.")
    async def recent(self, request: Request) -> Response:
        principal, query = scopes.principal(request.scope), request.query_params
        agents = self._service.agents_of(principal)
        found = await self._store.recent(
            principal.name,
            query.get("agent"),
            before=query.get("before"),
            limit=routing.limit(query.get("limit")),
        )
        data = [show(thread) for thread in found if thread.key.agent in agents]
        return routing.respond(request, {"object": "list", "data": data})

    @routing.endpoint("GET", "/v1/threads/{thread_id}", "A conversation: its title and length.")
    async def get(self, request: Request) -> Response:
        return routing.respond(request, show(await _find(self._store, self._key(request))))

    @routing.endpoint("POST", "/v1/threads/{thread_id}", "Give a conversation a title.")
    async def rename(self, request: Request) -> Response:
        body = bodies.decode(await request.body(), api_bodies.ThreadBody)
        if not await self._store.rename(self._key(request), body.title):
            raise _no_thread(self._key(request).id)
        return routing.respond(request, show(await _find(self._store, self._key(request))))

    @routing.endpoint("GET", "/v1/threads/{thread_id}/messages", "The messages, in order.")
    async def read(self, request: Request) -> Response:
        thread = await _find(self._store, self._key(request))
        after = routing.number(request.query_params.get("after"), "after")
        count = routing.limit(request.query_params.get("limit"), default=routing.MOST_LISTED)
        found = await self._store.read(thread.key, after=after, limit=count)
        data = [{"n": n, **show_message(message)} for n, message in enumerate(found, after)]
        return routing.respond(request, {"object": "list", "data": data, "has_more": after + len(data) < thread.length})

    @routing.endpoint("POST", "/v1/threads/{thread_id}/fork", "A new conversation that begins like this one.")
    async def fork(self, request: Request) -> Response:
        body = bodies.decode(await request.body(), api_bodies.ForkBody)
        id = body.id or f"thread_{os.urandom(12).hex()}"
        try:
            made = await self._store.fork(self._key(request), body.length, id)
        except protocols.MovedError:
            made = None
        if made is None:
            text = "Thread not found, shorter than `length`, or the new id is already taken."
            raise errors.RequestError(text, param="length", code="cannot_fork", status=409)
        return routing.respond(request, show(made))

    @routing.endpoint("POST", "/v1/threads/{thread_id}/rewind", "Forget all but the first messages of a conversation.")
    async def rewind(self, request: Request) -> Response:
        body = bodies.decode(await request.body(), api_bodies.ForkBody)
        if body.length < 0 or not await self._store.rewind(self._key(request), body.length):
            raise _no_thread(self._key(request).id)
        return routing.respond(request, show(await _find(self._store, self._key(request))))

    @routing.endpoint("DELETE", "/v1/threads/{thread_id}", "Forget a conversation and its runs.")
    async def delete(self, request: Request) -> Response:
        if not await self._store.delete(self._key(request)):
            raise _no_thread(self._key(request).id)
        return routing.respond(request, {"id": self._key(request).id, "object": "thread", "deleted": True})

    @routing.endpoint("DELETE", "/v1/threads", "Delete everything that is stored for the caller.")
    async def erase(self, request: Request) -> Response:
        principal = scopes.principal(request.scope)
        if principal.agents is not None:
            message = "This key opens some agents, and not what all of them have kept."
            raise errors.TurnstreamError(message, code="forbidden", status=403)
        count = await self._store.erase(principal.name)
        return routing.respond(request, {"object": "thread", "deleted": count})


async def _find(store: protocols.Threads, key: protocols.ThreadKey) -> protocols.Thread:
    if (thread := await store.get(key)) is None:
        raise _no_thread(key.id)
    return thread


def _no_thread(id: str) -> errors.RequestError:
    return errors.RequestError(
        f"Thread '{id[:100]}' not found.", param="thread_id", code="thread_not_found", status=404
    )


def show(thread: protocols.Thread) -> dict[str, Any]:
    return {
        "id": thread.key.id,
        "object": "thread",
        "agent": thread.key.agent,
        "title": thread.title,
        "length": thread.length,
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
    }


def show_message(message: messages.Message) -> dict[str, Any]:
    """As run events show messages: with the role as its type, and without what only a provider understands."""
    if isinstance(message, messages.AssistantMessage):
        parts = tuple(part for part in message.parts if not isinstance(part, messages.ProviderItem))
        message = messages.AssistantMessage(parts)
    shown: dict[str, Any] = msgspec.to_builtins(message)
    return {"role": shown.pop("type"), **shown}
