"""The clients by name, and what each can show of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from tests.clients import anthropic_python, langchain_python, openai_python, openai_responses_python, pydantic_ai_python
from tests.clients.job import Job, Outcome
from tests.clients.node_process import NodeProcess


class Client(Struct, frozen=True):
    """``metadata`` says whether statuses in the shape of the wire models (role ``system`` in mid-stream) leave the
    client unharmed; those in the default shape must harm none. ``usage_unasked`` is a client that asks for usage by
    itself. ``node`` marks those that run in Node.js. ``shows_tools`` says whether the client knows a form for tools
    that it does not run itself. Those that do not stream are there for comparison.
    """

    name: str
    metadata: bool = True
    reasoning: bool = True
    usage_unasked: bool = False
    node: bool = False
    streams: bool = True
    shows_tools: bool = True


CLIENTS = (
    Client("openai-python raw"),
    # Its helper joins the roles of all chunks to "assistantsystemsystem".
    Client("openai-python stream", metadata=False),
    Client("openai-python blocking raw"),
    Client("openai-python blocking stream", metadata=False),
    Client("openai-python whole", usage_unasked=True, streams=False),
    Client("langchain-python", reasoning=False),
    Client("pydantic-ai", usage_unasked=True),
    Client("openai-node raw", node=True),
    # Its helper refuses a message whose role is not "assistant" throughout.
    Client("openai-node stream", node=True, metadata=False),
    # It validates each chunk and knows no role but "assistant".
    Client("ai-sdk streamText", node=True, metadata=False),
    # After a "system" chunk it makes the answer a system message.
    Client("langchain-js", node=True, metadata=False, usage_unasked=True),
)

# Clients of other protocols than chat completions.
FRONT_ENDS = ("ai-sdk chat", "ag-ui HttpAgent")
VENDOR_CLIENTS = (
    Client("anthropic-python stream", shows_tools=False),
    Client("anthropic-python whole", streams=False, shows_tools=False),
    Client("anthropic-python beta stream"),
    Client("anthropic-python beta whole", streams=False),
    Client("openai-python responses raw"),
    Client("openai-python responses stream"),
    Client("openai-python responses whole", streams=False),
    Client("openai-node responses raw", node=True),
    Client("openai-node responses stream", node=True),
)

BLOCKING: dict[str, Callable[[Job], Outcome]] = {
    "openai-python blocking raw": openai_python.blocking_raw,
    "openai-python blocking stream": openai_python.blocking_helper,
}


async def converse(job: Job, node: NodeProcess | None, seconds: float = 30) -> Outcome:
    """Let the job's client hold its conversation; `TimeoutError` if it takes longer than that."""
    async with asyncio.timeout(seconds):
        if job.client in BLOCKING:
            return await asyncio.to_thread(BLOCKING[job.client], job)
        match job.client:
            case "openai-python raw":
                return await openai_python.raw(job)
            case "openai-python stream":
                return await openai_python.helper(job)
            case "openai-python whole":
                return await openai_python.whole(job)
            case "langchain-python":
                return await langchain_python.run(job)
            case "pydantic-ai":
                return await pydantic_ai_python.run(job)
            case name if name.startswith("anthropic-python"):
                return await anthropic_python.run(job)
            case name if name.startswith("openai-python responses"):
                return await openai_responses_python.run(job)
        assert node is not None, f"{job.client} needs Node.js"
        return await asyncio.wrap_future(node.run(job))
