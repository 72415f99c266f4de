"""pydantic-ai behind a bare ASGI application. ``python -m bench.peers.pydantic_ai URL``."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from bench.peers import chunks
from bench.rig.plan import tool_answer


def main(upstream: str) -> None:
    model = OpenAIChatModel("bench", provider=OpenAIProvider(base_url=f"{upstream}/v1", api_key="bench"))
    agent = Agent(model, instructions="Answer in tokens.")

    @agent.tool_plain  # type: ignore[untyped-decorator, unused-ignore]  # not in the development environment
    async def look_up(key: str) -> str:
        """The value of a key."""
        return tool_answer(key)

    async def answer(asked: str) -> AsyncIterator[str]:
        async with agent.run_stream(asked) as result:
            async for text in result.stream_text(delta=True, debounce_by=None):
                yield text

    chunks.run(answer)


if __name__ == "__main__":
    main(sys.argv[1])
