"""Agent frameworks of Python against a running server: ``python run.py`` reads jobs from the standard input and writes
what each came to, as JSON lists.

It runs in an environment of its own (``make clients``), so it imports nothing of ours. A job is `{framework, api,
stream, base_url, model, tools}`, an outcome `{text, calls, error}`: the answer, the calls of the client's tool that the
framework executed, and what it raised.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

os.environ |= {"AGNO_TELEMETRY": "false", "LANGSMITH_TRACING": "false", "OPENAI_AGENTS_DISABLE_TRACING": "1"}

KEY = "key"
Calls = list[str]


def local_time_of(calls: Calls) -> Any:
    def local_time(city: str) -> str:
        """The local time in a city.

        Args:
            city: The city.
        """
        calls.append(city)
        return f"noon in {city}"

    return local_time


async def openai_agents(job: dict[str, Any], calls: Calls) -> str:
    import agents
    import openai

    kinds = {"chat": agents.OpenAIChatCompletionsModel, "responses": agents.OpenAIResponsesModel}
    client = openai.AsyncOpenAI(base_url=job["base_url"], api_key=KEY, max_retries=0)
    tools = [agents.function_tool(local_time_of(calls))] if job["tools"] else []
    agent = agents.Agent("helper", model=kinds[job["api"]](job["model"], client), tools=tools)
    if not job["stream"]:
        return str((await agents.Runner.run(agent, "Go.")).final_output)
    result = agents.Runner.run_streamed(agent, "Go.")
    async for _ in result.stream_events():
        pass
    return str(result.final_output)


async def langgraph(job: dict[str, Any], calls: Calls) -> str:
    from langchain.agents import create_agent
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    model = ChatOpenAI(
        model=job["model"],
        base_url=job["base_url"],
        api_key=SecretStr(KEY),
        max_retries=0,
        use_responses_api=job["api"] == "responses",
        streaming=job["stream"],
    )
    agent = create_agent(model, [tool(local_time_of(calls))] if job["tools"] else [])
    said = {"messages": [{"role": "user", "content": "Go."}]}
    if not job["stream"]:
        return str((await agent.ainvoke(said))["messages"][-1].text)
    texts: dict[str, str] = {}
    async for chunk, _ in agent.astream(said, stream_mode="messages"):
        if chunk.type in ("AIMessageChunk", "ai"):
            texts[chunk.id] = texts.get(chunk.id, "") + chunk.text
    return list(texts.values())[-1]


async def strands(job: dict[str, Any], calls: Calls) -> str:
    from strands import Agent, tool
    from strands.models.openai import OpenAIModel
    from strands.models.openai_responses import OpenAIResponsesModel

    kind = {"chat": OpenAIModel, "responses": OpenAIResponsesModel}[job["api"]]
    model = kind(client_args={"base_url": job["base_url"], "api_key": KEY, "max_retries": 0}, model_id=job["model"])
    tools = [tool(local_time_of(calls))] if job["tools"] else []
    agent = Agent(model, tools=tools, callback_handler=None, retry_strategy=None)
    if not job["stream"]:
        return str(await agent.invoke_async("Go.")).removesuffix("\n")
    text = ""
    async for event in agent.stream_async("Go."):
        if "result" in event:
            text = str(event["result"]).removesuffix("\n")
    return text


async def agno(job: dict[str, Any], calls: Calls) -> str:
    from agno.agent import Agent
    from agno.models.openai import OpenAIChat, OpenAIResponses

    kind = {"chat": OpenAIChat, "responses": OpenAIResponses}[job["api"]]
    model = kind(id=job["model"], base_url=job["base_url"], api_key=KEY, max_retries=0)
    agent = Agent(model=model, tools=[local_time_of(calls)] if job["tools"] else [], telemetry=False)
    if not job["stream"]:
        done = await agent.arun("Go.")
        if str(getattr(done.status, "value", done.status)).lower() == "error":
            raise RuntimeError(done.content)
        return str(done.content)
    text = ""
    async for event in agent.arun("Go.", stream=True):
        if event.event == "RunError":
            raise RuntimeError(event.content)
        if event.event == "RunContent":
            text += event.content or ""
    return text


async def pydantic_ai(job: dict[str, Any], calls: Calls) -> str:
    import openai
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    kind = {"chat": OpenAIChatModel, "responses": OpenAIResponsesModel}[job["api"]]
    client = openai.AsyncOpenAI(base_url=job["base_url"], api_key=KEY, max_retries=0)
    model = kind(job["model"], provider=OpenAIProvider(openai_client=client))
    agent = Agent(model, tools=[local_time_of(calls)] if job["tools"] else [])
    if not job["stream"]:
        return str((await agent.run("Go.")).output)
    text = ""
    async with agent.run_stream_events("Go.") as events:
        async for event in events:
            text = getattr(getattr(event, "result", None), "output", text)
    return text


FRAMEWORKS = {each.__name__: each for each in (openai_agents, langgraph, strands, agno, pydantic_ai)}


async def answer(job: dict[str, Any]) -> dict[str, Any]:
    calls: Calls = []
    try:
        async with asyncio.timeout(60):
            text = await FRAMEWORKS[job["framework"]](job, calls)
    except Exception as error:
        return {"text": "", "calls": calls, "error": f"{type(error).__name__}: {error}"}
    return {"text": text, "calls": calls, "error": None}


async def main() -> None:
    jobs = json.load(sys.stdin)
    print(json.dumps([await answer(job) for job in jobs]))


if __name__ == "__main__":
    asyncio.run(main())
