"""Agents that tell the stories of the browser tests: what the model says follows from what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from turnstream import Agent, ProviderError, RunContext, ServerSettings, Service, tool
from turnstream.events import (
    Finish,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    ToolMessage,
    Usage,
    UsageReport,
    UserMessage,
    content_text,
)
from turnstream.tools import wrap
from turnstream.tools.ask_user import AskUser

END: list[ModelEvent] = [UsageReport(Usage(12, 7)), Finish("stop")]


class Storyteller:
    name = "storyteller"

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncGenerator[list[ModelEvent]]]:
        yield self._answer(request)

    async def _answer(self, request: ModelRequest) -> AsyncGenerator[list[ModelEvent]]:
        last = request.messages[-1]
        if isinstance(last, ToolMessage):
            yield [TextDelta(f"The tool said: {content_text(last.content)}")]
            yield END
            return
        said = [content_text(message.content) for message in request.messages if isinstance(message, UserMessage)]
        match said[-1].split()[0]:
            case "long":
                for number in range(5000):
                    yield [TextDelta(f"token{number} " if number % 40 else f"\n\n**token{number}** ")]
                    if number % 25 == 0:
                        await asyncio.sleep(0.005)
            case "think":
                yield [ReasoningDelta("First I look.")]
                yield [TextDelta("# Done\n\n- one\n- two\n\n```python\nprint('hi')\n```\n<script>alert(1)</script>")]
            case "break":
                yield [TextDelta("Half an ans")]
                raise ProviderError("The model fell silent.", code="provider_timeout")
            case "slow":
                yield [TextDelta("One moment")]
                await asyncio.sleep(60)
            case "count":
                yield [TextDelta(f"You asked {len(said)} times.")]
            case "tool":
                yield [ToolCallStart(0, "c1", "lookup"), ToolCallDelta(0, '{"city":')]
                await asyncio.sleep(0.3)
                yield [ToolCallDelta(0, '"Rome"}')]
                yield [UsageReport(Usage(12, 7)), Finish("tool_calls")]
                return
            case "pay":
                yield [ToolCallStart(0, "c1", "pay"), ToolCallDelta(0, '{"amount": 5}')]
                yield [UsageReport(Usage(12, 7)), Finish("tool_calls")]
                return
            case "paint":
                given = '{"question": "Which colour?", "choices": ["red", "blue"]}'
                yield [ToolCallStart(0, "c1", "ask_user"), ToolCallDelta(0, given)]
                yield [UsageReport(Usage(12, 7)), Finish("tool_calls")]
                return
            case _:
                yield [TextDelta(f"You said: {said[-1]}")]
        yield END


@tool
async def lookup(city: str, context: RunContext) -> str:
    """Look a city up."""
    context.progress("asking the almanac", 0.5)
    await asyncio.sleep(0.4)
    return f"{city} is sunny"


@tool
async def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def agents() -> dict[str, Agent]:
    tools = [lookup, wrap.Approved(pay), AskUser()]
    told = Agent(Storyteller(), tools, name="storyteller", description="Tells the stories of the tests.")
    return {"storyteller": told, "other": Agent(Storyteller(), name="other")}


open_service = Service(agents())
forgetful_service = Service(agents(), ServerSettings(store="memory"))
closed_service = Service(agents(), ServerSettings(keys=("the-key-of-the-tests",)))
