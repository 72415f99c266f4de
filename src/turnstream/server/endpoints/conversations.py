"""OpenAI's conversations and their items: kept threads, by the names of that API.

A conversation is made for nobody in particular, and becomes the thread of the agent that answers in it first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, ClassVar, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from turnstream import errors, messages, protocols
from turnstream.api import conversations as api_bodies, responses as api_responses
from turnstream.dialects import body as bodies, conversation_items as items, openai_responses_input
from turnstream.server import conversations, scopes
from turnstream.server.endpoints import routing
from turnstream.service import Service

_WINDOW = 100  # messages that are read at a time
Read: TypeAlias = Callable[[int, int], Awaitable[Sequence[messages.Message]]]
"""The messages from one number to another, which is excluded."""


class Conversations:
    """Each finds the conversations of its caller."""

    tag: ClassVar[str] = "conversations"

    def __init__(self, service: Service, kept: conversations.Conversations) -> None:
        self._service, self._kept, self._threads = service, kept, kept.threads

    async def _find(self, request: Request) -> protocols.Thread:
        id, principal = request.path_params["conversation_id"], scopes.principal(request.scope)
        for agent in (*self._service.agents_of(principal), conversations.NOBODY):
            if (thread := await self._threads.get(protocols.ThreadKey(principal.name, agent, id))) is not None:
                return thread
        raise conversations.not_found(id)

    @routing.endpoint("POST", "/v1/conversations", "Begin a conversation that the server keeps.")
    async def create(self, request: Request) -> Response:
        if not self._kept.keeps:
            text = "This server keeps no conversations: its `store` is none."
            raise errors.RequestError(text, code="conversations_not_kept", status=501)
        body = bodies.decode(await request.body() or b"{}", api_bodies.ConversationBody)
        key = protocols.ThreadKey(scopes.principal(request.scope).name, conversations.NOBODY, conversations.new_id())
        given, metadata = _read(body.items or ()), _metadata(body)
        await self._threads.append(key, given, at=0)
        await self._threads.annotate(key, metadata)
        return routing.respond(request, _show(await self._find_key(key)))

    async def _find_key(self, key: protocols.ThreadKey) -> protocols.Thread:
        if (thread := await self._threads.get(key)) is None:
            raise conversations.not_found(key.id)
        return thread

    @routing.endpoint(
        "GET", "/v1/conversations/{conversation_id}", "A conversation and what its client has noted about it."
    )
    async def retrieve(self, request: Request) -> Response:
        return routing.respond(request, _show(await self._find(request)))

    @routing.endpoint("POST", "/v1/conversations/{conversation_id}", "Note something else about a conversation.")
    async def update(self, request: Request) -> Response:
        thread = await self._find(request)
        metadata = _metadata(bodies.decode(await request.body(), api_bodies.ConversationBody))
        await self._threads.annotate(thread.key, metadata)
        return routing.respond(request, _show(await self._find_key(thread.key)))

    @routing.endpoint(
        "DELETE", "/v1/conversations/{conversation_id}", "Forget a conversation, its items and its responses."
    )
    async def delete(self, request: Request) -> Response:
        thread = await self._find(request)
        await self._threads.delete(thread.key)
        return routing.respond(request, {"id": thread.key.id, "object": "conversation.deleted", "deleted": True})

    @routing.endpoint(
        "GET", "/v1/conversations/{conversation_id}/items", "The items of a conversation, the newest first."
    )
    async def list_items(self, request: Request) -> Response:
        thread = await self._find(request)
        return routing.respond(request, await page(request, self._threads, thread.key, thread.length))

    @routing.endpoint("POST", "/v1/conversations/{conversation_id}/items", "Add items to a conversation.")
    async def create_items(self, request: Request) -> Response:
        thread = await self._find(request)
        given = _read(bodies.decode(await request.body(), api_bodies.ItemsBody).items)
        length = await self._threads.append(thread.key, given)
        made = [items.items_of(thread.key.id, n, each) for n, each in enumerate(given, length - len(given))]
        return routing.respond(request, _list([item.shown for each in made for item in each], False))

    @routing.endpoint("GET", "/v1/conversations/{conversation_id}/items/{item_id}", "One item of a conversation.")
    async def retrieve_item(self, request: Request) -> Response:
        _, _, _, item = await self._find_item(request)
        return routing.respond(request, item.shown)

    @routing.endpoint(
        "DELETE", "/v1/conversations/{conversation_id}/items/{item_id}", "Forget one item of a conversation."
    )
    async def delete_item(self, request: Request) -> Response:
        thread, n, message, item = await self._find_item(request)
        await self._threads.replace(thread.key, n, items.without(message, item))
        return routing.respond(request, _show(thread))

    async def _find_item(self, request: Request) -> tuple[protocols.Thread, int, messages.Message, items.Item]:
        thread, id = await self._find(request), request.path_params["item_id"]
        n = items.place_of(id)
        for message in [] if n is None else await self._threads.read(thread.key, after=n, limit=1):
            for item in items.items_of(thread.key.id, n or 0, message):
                if item.id == id:
                    return thread, n or 0, message, item
        text = f"Item with id '{id[:100]}' not found."
        raise errors.RequestError(text, param="item_id", code="item_not_found", status=404)


async def page(request: Request, threads: protocols.Threads, key: protocols.ThreadKey, length: int) -> dict[str, Any]:
    """The items of the first ``length`` messages of a thread, as the query asks for them."""

    async def read(start: int, stop: int) -> Sequence[messages.Message]:
        return await threads.read(key, after=start, limit=stop - start)

    return await _page(request, key.id, read, length)


async def page_of(request: Request, id: str, given: Sequence[messages.Message]) -> dict[str, Any]:
    """The same of messages that are at hand."""
    said = [message for message in given if not isinstance(message, messages.SystemMessage)]

    async def read(start: int, stop: int) -> Sequence[messages.Message]:
        return said[start:stop]

    return await _page(request, id, read, len(said))


async def _page(request: Request, id: str, read: Read, length: int) -> dict[str, Any]:
    query = request.query_params
    limit, after = routing.limit(query.get("limit")), query.get("after") or None
    if (order := query.get("order") or "desc") not in ("asc", "desc"):
        raise errors.RequestError("order: must be 'asc' or 'desc'.", param="order", code="invalid_value")
    if after is not None and items.place_of(after) is None:
        raise errors.RequestError("after: expected the id of an item.", param="after", code="invalid_value")
    found: list[dict[str, Any]] = []
    waiting = after is not None
    async for item in _walk(id, read, length, after, newest_first=order == "desc"):
        if waiting:
            waiting = item.id != after
        elif len(found) == limit:
            return _list(found, True)
        else:
            found.append(item.shown)
    return _list(found, False)


async def _walk(
    id: str, read: Read, length: int, after: str | None, *, newest_first: bool
) -> AsyncIterator[items.Item]:
    """The items from those of the message of ``after`` on."""
    begin = items.place_of(after) if after is not None else None
    low, high = 0, length
    if begin is not None:
        low, high = (low, min(high, begin + 1)) if newest_first else (begin, high)
    while low < high:
        start = max(low, high - _WINDOW) if newest_first else low
        stop = high if newest_first else min(high, low + _WINDOW)
        found = await read(start, stop)
        shown = [item for n, each in enumerate(found, start) for item in items.items_of(id, n, each)]
        for item in reversed(shown) if newest_first else shown:
            yield item
        low, high = (low, start) if newest_first else (stop, high)


def _read(given: Sequence[api_responses.InputItem]) -> tuple[messages.Message, ...]:
    if len(given) > api_bodies.MOST_ITEMS:
        text = f"items: at most {api_bodies.MOST_ITEMS} at a time."
        raise errors.RequestError(text, param="items", code="invalid_value")
    return openai_responses_input.read(given, "items")


def _metadata(body: api_bodies.ConversationBody) -> dict[str, str]:
    metadata = body.metadata or {}
    if any(not isinstance(value, str) or len(value) > 512 for value in metadata.values()):
        text = "metadata: values are texts of at most 512 characters."
        raise errors.RequestError(text, param="metadata", code="invalid_value")
    return dict(metadata)


def _show(thread: protocols.Thread) -> dict[str, Any]:
    created = int(thread.created_at)
    return {"id": thread.key.id, "object": "conversation", "created_at": created, "metadata": thread.metadata}


def _list(shown: list[dict[str, Any]], more: bool) -> dict[str, Any]:
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else ("", "")
    return {"object": "list", "data": shown, "first_id": first, "last_id": last, "has_more": more}
