"""Answers in a shape that the client names: each library asks for them in its own way."""

from __future__ import annotations

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.clients.server import KEY

AGENTS = pytest.mark.parametrize("agent", ["structured", "vendor-structured"])


class City(BaseModel):
    """A city."""

    city: str


@AGENTS
async def test_pydantic_ai_gets_its_output_type(server: str, agent: str) -> None:
    async with openai.AsyncOpenAI(base_url=server, api_key=KEY, max_retries=0) as client:
        model = OpenAIChatModel(agent, provider=OpenAIProvider(openai_client=client))
        async with Agent(model, output_type=City).run_stream("Where?") as result:
            assert await result.get_output() == City(city="Paris")


@AGENTS
async def test_langchain_gets_its_structured_output(server: str, agent: str) -> None:
    async with httpx.AsyncClient() as client:
        chat = ChatOpenAI(model=agent, base_url=server, api_key=lambda: KEY, http_async_client=client, max_retries=0)
        structured = chat.with_structured_output(City, method="function_calling")
        assert await structured.ainvoke("Where?") == City(city="Paris")
