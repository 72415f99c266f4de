"""The OpenAI Agents SDK behind a bare ASGI application. ``python -m bench.peers.openai_agents URL``."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

from bench.peers import chunks
from bench.rig.plan import tool_answer


@function_tool  # type: ignore[untyped-decorator, unused-ignore]  # not in the development environment
async def look_up(key: str) -> str:
    """The value of a key."""
    return tool_answer(key)


def main(upstream: str) -> None:
    set_tracing_disabled(True)
    model = OpenAIChatCompletionsModel("bench", AsyncOpenAI(base_url=f"{upstream}/v1", api_key="bench"))
    agent = Agent(name="bench", instructions="Answer in tokens.", model=model, tools=[look_up])

    async def answer(asked: str) -> AsyncIterator[str]:
        async for event in Runner.run_streamed(agent, asked).stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                yield event.data.delta

    chunks.run(answer)


if __name__ == "__main__":
    main(sys.argv[1])
