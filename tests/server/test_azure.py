"""Azure's clients, unmodified: deployments are agents, `api-key` is a key, `api-version` is whatever they say."""

from __future__ import annotations

import openai

from tests.agent.scripted import Scripted, says
from tests.server.serving import serving
from turnstream import Agent, identity

KEYS = (identity.Key("azure-key-1", "ann"),)


def agents() -> tuple[Agent, Agent]:
    return Agent(Scripted(says("first")), name="a"), Agent(Scripted(says("second")), name="b")


async def test_a_deployment_is_an_agent() -> None:
    async with (
        serving(*agents(), keys=KEYS) as served,
        openai.AsyncAzureOpenAI(
            azure_endpoint=served.url, api_key="azure-key-1", api_version="2024-10-21", max_retries=0
        ) as client,
    ):
        whole = await client.chat.completions.create(model="b", messages=[{"role": "user", "content": "Go."}])
        assert (whole.choices[0].message.content, whole.model) == ("second", "b")
        stream = await client.chat.completions.create(
            model="b", messages=[{"role": "user", "content": "Go."}], stream=True
        )
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "second"


async def test_a_deployment_that_nobody_knows_is_not_found() -> None:
    async with serving(*agents()) as served:
        body = {"messages": [{"role": "user", "content": "Go."}]}
        status, _, answer = await served.post(body, "/openai/deployments/c/chat/completions?api-version=1")
    assert (status, answer["error"]["code"]) == (404, "model_not_found")


async def test_the_paths_of_its_version_1_are_those_of_openai() -> None:
    async with (
        serving(*agents(), keys=KEYS) as served,
        openai.AsyncOpenAI(
            base_url=f"{served.url}/openai/v1/",
            api_key="azure-key-1",
            default_query={"api-version": "preview"},
            max_retries=0,
        ) as client,
    ):
        assert [model.id async for model in client.models.list()] == ["a", "b"]
        response = await client.responses.create(model="b", input="Go.")
        assert response.output_text == "second"
