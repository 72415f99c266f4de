"""The clients by name, and what each can show of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from tests.clients import langchain_python, openai_python, pydantic_ai_python
from tests.clients.job import Job, Outcome
from tests.clients.node_process import NodeProcess


class Client(Struct, frozen=True):
    """``metadata`` says whether statuses in the shape of the wire models (role ``system`` in mid-stream) leave the
    client unharmed; those in the default shape must harm none. ``usage_unasked`` is a client that asks for usage by
    itself. ``node`` marks those that run in Node.js. One does not stream, for comparison.
    """

    name: str
    metadata: bool = True
    reasoning: bool = True
    usage_unasked: bool = False
    node: bool = False
    streams: bool = True


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
        assert node is not None, f"{job.client} needs Node.js"
        return await asyncio.wrap_future(node.run(job))
