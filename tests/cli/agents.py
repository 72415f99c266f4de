"""Agents for the command line to run: a model that follows a script, with a tool of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from turnstream import Agent, tool
from turnstream.events import (
    Finish,
    ModelEvent,
    ModelRequest,
    ProviderError,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    ToolMessage,
    Usage,
    UsageReport,
    UserMessage,
)
from turnstream.guardrails import patterns
from turnstream.guardrails.agent import Guardrails
from turnstream.guardrails.matching import PatternRule
from turnstream.guardrails.review import AskingRule
from turnstream.testing.models import ScriptedModel
from turnstream.tools.ask_user import AskUser
from turnstream.tools.wrap import Approved


class Scripted:
    """Calls ``double`` once, then tells what it heard; fails for ``fail``, never ends for ``wait``."""

    name = "scripted"

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[list[ModelEvent]]]:
        yield self._answer(request)

    async def _answer(self, request: ModelRequest) -> AsyncIterator[list[ModelEvent]]:
        last = request.messages[-1]
        if isinstance(last, ToolMessage):
            yield [
                TextDelta("It is "),
                TextDelta(f"{last.content}.\x1b[31m"),
                UsageReport(Usage(7, 3)),
                Finish("stop"),
            ]
        elif isinstance(last, UserMessage) and last.content == "fail":
            raise ProviderError("The model's vendor refused.")
        elif isinstance(last, UserMessage) and last.content == "wait":
            yield [TextDelta("waiting")]
            await asyncio.Event().wait()
        elif isinstance(last, UserMessage) and last.content == "count":
            yield [TextDelta(f"{len(request.messages)} messages"), Finish("stop")]
        else:
            yield [ReasoningDelta("Doubling."), ToolCallStart(0, "c1", "double"), ToolCallDelta(0, '{"number": 21}')]
            yield [Finish("tool_calls")]


def double(number: int) -> int:
    """Twice a number."""
    return 2 * number


agent = Agent(Scripted(), [double], "Be brief.", name="doubler")
agents = [agent, Agent(Scripted(), name="other")]


def halve(number: int) -> float:
    """Fails."""
    return number / 0


careful = Agent(Scripted(), [Approved(tool(double))], name="careful", tool_timeout=0.05)
broken = Agent(Scripted(), [tool(name="double")(halve)], name="broken")


class Asking(Scripted):
    """Calls ``ask_user`` with what the user wrote as its arguments, then tells what it heard."""

    name = "asking"

    async def _answer(self, request: ModelRequest) -> AsyncIterator[list[ModelEvent]]:
        last = request.messages[-1]
        if isinstance(last, ToolMessage):
            yield [TextDelta(f"Heard: {last.content}"), Finish("stop")]
        else:
            assert isinstance(last, UserMessage)
            yield [ToolCallStart(0, "c1", "ask_user"), ToolCallDelta(0, str(last.content)), Finish("tool_calls")]


FORM = {
    "type": "object",
    "properties": {
        "nights": {"type": "integer", "minimum": 1},
        "breakfast": {"type": "boolean", "default": False},
        "room": {"type": "string", "enum": ["single", "double"]},
    },
    "required": ["nights", "room"],
}
asking = Agent(Asking(), [AskUser()], name="asking")
form = Agent(Asking(), [AskUser(FORM)], name="form")
confirming = Agent(Asking(), [AskUser({"type": "object", "properties": {}})], name="confirming")
WORDS = AskingRule(
    PatternRule("words", patterns.find_words(["sesame"]), None),
    mask=PatternRule("words", patterns.find_words(["sesame"]), "**"),
)
guarded = Agent(ScriptedModel(["Say sesame, it opens."]), name="guarded", guardrails=Guardrails(output_asking=[WORDS]))
