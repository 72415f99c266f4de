"""The agents that Open WebUI talks to, on a server in a thread of the test's process, which sees what comes to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.clients.server import KEY, Door, ScriptModel, weather
from tests.scripts import SCRIPTS, Conversation, Said, Script, Silence, calls, end, text
from turnstream.agent import Agent
from turnstream.events import RunContext, Source, ToolOutput
from turnstream.server import run
from turnstream.service import ServerSettings, Service


async def look_up(city: str) -> ToolOutput:
    """What is written about a city."""
    page = Source("1", "A page", "https://example.org/a", "The Seine runs through it.")
    note = Source("2", "A note", snippet="It rains there.")
    return ToolOutput(f"{city} is wet.", sources=(page, note))


async def who_asks(city: str, context: RunContext) -> str:
    """Who asks, and in which thread."""
    return f"{context.user} in {context.thread_id}"


async def endless(city: str) -> str:
    """A tool that does not come to an end."""
    await Door().linger()
    return "never"


def using(tool: str) -> Script:
    """A script that uses that tool once and then says what came of it."""

    def script(conversation: Conversation) -> list[Said]:
        if not conversation.results:
            return [*calls((tool, "Paris")), *end("tool_calls")]
        return [*text(conversation.results[0]), *end()]

    return script


def waiting(conversation: Conversation) -> list[Said]:
    """A tool round, and then nothing more."""
    return [*calls(("weather", "Paris")), *end("tool_calls")] if not conversation.results else [Silence()]


def clerk(conversation: Conversation) -> list[Said]:
    """A tool round where there are tools; without them, what a front end asks for itself."""
    if conversation.tools:
        return using("weather")(conversation)
    title, tags, more = "Paris in the sun", ["travel", "weather"], ["And tomorrow?"]
    housekept = {"title": title, "tags": tags, "follow_ups": more, "queries": ["sun in Paris"], "text": "of June"}
    return [*text(json.dumps(housekept)), *end()]


def chooser(conversation: Conversation) -> list[Said]:
    """Without tools, which tool of the front end to use; with them, an answer."""
    chosen = {"tool_calls": [{"name": "local_time", "parameters": {"city": "Paris"}}]}
    return [*text("Noon." if conversation.tools else json.dumps(chosen)), *end()]


AGENTS: dict[str, Script] = SCRIPTS | {
    "research": using("look_up"),
    "who-asks": using("who_asks"),
    "stuck": using("endless"),
    "waiting": waiting,
    "clerk": clerk,
    "chooser": chooser,
}


@dataclass
class Asked:
    """A request to an agent, and what was answered."""

    headers: dict[str, str]
    body: dict[str, Any]
    answer: bytes = b""

    @property
    def tools(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.body.get("tools") or ()]

    @property
    def statuses(self) -> bool:
        return b'"event"' in self.answer


@dataclass
class Agents:
    """``asked`` are the requests that came, in order."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    server: run.Server | None = None

    @property
    def busy(self) -> bool:
        assert self.server
        return bool(self.server.state.runs.live)

    def recording(self, app: ASGIApp) -> ASGIApp:
        async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["method"] != "POST":
                await app(scope, receive, send)
                return
            asked = Asked({name.decode(): value.decode() for name, value in scope["headers"]}, {})
            body = b""

            async def received() -> Message:
                nonlocal body
                message = await receive()
                body += message.get("body", b"")
                if message["type"] == "http.request" and not message.get("more_body"):
                    asked.body = json.loads(body)
                    self.asked.append(asked)
                return message

            async def sent(message: Message) -> None:
                asked.answer += message.get("body", b"")
                await send(message)

            await app(scope, received, sent)

        return recorded


@contextmanager
def serve_in_thread() -> Iterator[Agents]:
    door = Door()
    tools = (weather, look_up, who_asks, endless)
    made = {
        name: Agent(ScriptModel(name, script, door), tools, "Answer.", name=name) for name, script in AGENTS.items()
    }
    made["stuck"].run_timeout = 1
    service = Service(made, ServerSettings(port=0, keys=(KEY,)))
    server = run.server(service)
    agents = Agents(server=server)
    server.config.app = agents.recording(server.config.app)  # type: ignore[arg-type]
    with run.listen(service.settings) as listener:
        agents.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield agents
        finally:
            server.should_exit = True
            thread.join(10)
