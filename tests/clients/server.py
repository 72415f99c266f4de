"""The server under test, a process of its own: ``python -m tests.clients.server`` prints its base URL and serves.

It has an agent for each script, whose model is the script itself, and for each script a second one, ``vendor-…``, whose
model is reached over HTTP: `turnstream.providers.openai` against the stand-in vendor of `tests.upstream`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from tests import upstream
from tests.scripts import SCRIPTS, Broken, Conversation, Refusal, Script, Silence
from turnstream.agent import Agent, ModelStream
from turnstream.events import ModelEvent, ModelRequest, ProviderError, ToolMessage, content_text
from turnstream.protocols import AnyModel
from turnstream.providers import openai
from turnstream.providers.base import Settings
from turnstream.providers.transport.http import HttpModel
from turnstream.server import run
from turnstream.service import ServerSettings, Service
from turnstream.tools.python import tool

KEY = "key"
SILENCE = 12.0  # seconds: longer than the heartbeat


async def weather(city: str) -> str:
    """The weather in a city."""
    return f"{city}: sunny"


async def slow_weather(city: str) -> str:
    """The weather in a city, after a long silence."""
    await asyncio.sleep(SILENCE)
    return f"{city}: fog"


class PostOffice:
    """Tools that act on the world, and say how often they did."""

    def __init__(self) -> None:
        self._sent: list[str] = []
        self.tools = (tool(effect="once")(self.send_card), tool(self.cards_sent))

    async def send_card(self, city: str) -> str:
        """Send a card to somebody in a city."""
        self._sent.append(city)
        return "sent"

    async def cards_sent(self, city: str) -> int:
        """The number of cards that have been sent to a city."""
        return self._sent.count(city)


class Door:
    """Who leaves a silent model goes through it."""

    def __init__(self) -> None:
        self._left = asyncio.Semaphore(0)

    async def linger(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self._left.release()

    async def departure(self, city: str) -> str:
        """Wait for one departure that nobody has waited for yet."""
        async with asyncio.timeout(20):
            await self._left.acquire()
        return "one left"


class ScriptModel:
    """A model that says what the script says, an event at a time."""

    def __init__(self, name: str, script: Script, door: Door) -> None:
        self.name = f"script:{name}"
        self._script = script
        self._door = door

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelStream]:
        yield self._answer(request)

    async def _answer(self, request: ModelRequest) -> AsyncGenerator[list[ModelEvent]]:
        for event in self._script(conversation(request)):
            if isinstance(event, Broken):
                raise ProviderError("The model's vendor failed.", provider="script", detail=event.reason)
            if isinstance(event, Refusal):
                raise ProviderError("The vendor refuses.", provider="script", provider_status=403)
            if isinstance(event, Silence):
                await self._door.linger()
            else:
                yield [event]


def conversation(request: ModelRequest) -> Conversation:
    results = tuple(content_text(message.content) for message in request.messages if isinstance(message, ToolMessage))
    return Conversation(results, frozenset(tool.name for tool in request.tools))


def service(vendor: upstream.Upstream) -> Service:
    door = Door()
    tools = (weather, slow_weather, door.departure, *PostOffice().tools)
    agents: dict[str, Agent] = {}
    for name, script in SCRIPTS.items():
        settings = Settings(model=name, base_url=vendor.url, api_key=vendor.key)
        models: tuple[AnyModel, ...] = (
            ScriptModel(name, script, door),
            HttpModel(name, openai.PROVIDER, settings, max_retries=0),
        )
        for agent, model in zip((name, f"vendor-{name}"), models, strict=True):
            agents[agent] = Agent(model, tools, "Answer.", name=agent)
    agents["stopping"] = Agent(
        ScriptModel("endless", SCRIPTS["endless"], door), tools, name="stopping", max_steps=2, on_max_steps="stop"
    )
    return Service(agents, ServerSettings(port=0, keys=(KEY,)))


def main() -> None:
    with upstream.serve_in_thread(SCRIPTS) as vendor:
        served = service(vendor)
        listener = run.listen(served.settings)
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
        run.server(served).run_on(listener)


if __name__ == "__main__":
    main()
