"""What Open WebUI's page does to its server: the same requests, and the same Socket.IO connection for what comes back.

The connection is a WebSocket with a digit or two before each message, so no client library is needed for it:
Engine.IO's 0 opens, 2 asks for a 3, 4 is a message; in a message Socket.IO's 0 connects and 2 is an event.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

BOUND = 30.0  # seconds that anything may take

Event = dict[str, Any]  # ``chat_id``, ``message_id`` and ``data``, which has ``type`` and ``data``


@dataclass
class Turn:
    """One message of the user and what became of it."""

    page: Page
    chat_id: str
    message_id: str

    def of(self, type: str) -> list[Any]:
        """What came over the socket for this answer."""
        return [one["data"].get("data") for one in self.page.events if self._is(one, type)]

    def _is(self, event: Event, type: str) -> bool:
        return (event["message_id"], event["data"]["type"]) == (self.message_id, type)

    async def until(self, type: str, wanted: Callable[[Any], bool] = bool) -> None:
        await self.page.until(lambda one: self._is(one, type) and wanted(one["data"].get("data")))

    async def done(self) -> Turn:
        """Wait for the end, which follows the answer and what the page had done after it."""
        await self.until("chat:active", lambda told: not told["active"])
        return self

    async def chat(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.get(f"/api/v1/chats/{self.chat_id}")
        return found

    async def message(self) -> dict[str, Any]:
        """The answer, as it is kept."""
        kept: dict[str, Any] = (await self.chat())["chat"]["history"]["messages"][self.message_id]
        return kept


@dataclass
class Page:
    """``events`` are all that came over the socket."""

    client: aiohttp.ClientSession
    session_id: str = ""
    events: list[Event] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def get(self, path: str) -> Any:
        async with self.client.get(path) as response:
            return await _read(response)

    async def post(self, path: str, body: Any = None) -> Any:
        async with self.client.post(path, json=body) as response:
            return await _read(response)

    async def delete(self, path: str) -> Any:
        async with self.client.delete(path) as response:
            return await _read(response)

    async def send(self, agent: str, text: str, *, after: Turn | None = None, tasks: bool = False, **more: Any) -> Turn:
        """A message in a new chat, or in that of the turn ``after`` which it comes."""
        answer, user = str(uuid.uuid4()), str(uuid.uuid4())
        parent = after.message_id if after else None
        said = {"id": user, "parentId": parent, "childrenIds": [answer], "role": "user", "content": text}
        wanted = ("title_generation", "tags_generation", "follow_up_generation") if tasks else ()
        body: dict[str, Any] = {
            "stream": True,
            "model": agent,
            "params": {},
            "tool_ids": [],
            "tool_servers": [],
            "features": {},
            "variables": {},
            "session_id": self.session_id,
            **({"chat_id": after.chat_id} if after else {}),
            "id": answer,
            "parent_id": parent,
            "user_message": {**said, "timestamp": 1760000000, "models": [agent]},
            "background_tasks": dict.fromkeys(wanted, True),
        }
        started = await self.post("/api/chat/completions", body | more)
        return Turn(self, started["chat_id"], answer)

    async def until(self, wanted: Callable[[Event], bool]) -> None:
        """Wait until there is such an event; it may have come already."""
        async with asyncio.timeout(BOUND), self._news:
            await self._news.wait_for(lambda: any(map(wanted, self.events)))

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.data == "2":
                await socket.send_str("3")
            elif message.data.startswith('42["events"'):
                async with self._news:
                    self.events.append(json.loads(message.data[2:])[1])
                    self._news.notify_all()


@asynccontextmanager
async def opened(url: str, token: str) -> AsyncIterator[Page]:
    """The page of the user with that token."""
    headers = {"authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=BOUND)
    async with (
        aiohttp.ClientSession(url, headers=headers, timeout=timeout) as client,
        client.ws_connect("/ws/socket.io/?EIO=4&transport=websocket", origin=url) as socket,
    ):
        page = Page(client)
        assert (await socket.receive_str(timeout=BOUND)).startswith("0{")
        await socket.send_str("40" + json.dumps({"token": token}))
        page.session_id = json.loads((await socket.receive_str(timeout=BOUND)).removeprefix("40"))["sid"]
        listening = asyncio.create_task(page.listen(socket))
        try:
            yield page
        finally:
            listening.cancel()


async def _read(response: aiohttp.ClientResponse) -> Any:
    text = await response.text()
    assert response.status == 200, f"{response.status}: {text[:500]}"
    return json.loads(text)
