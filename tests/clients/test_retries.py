"""A client that tries again after a failure, as the official ones do by themselves."""

from __future__ import annotations

import openai
import pytest

from tests.clients.server import KEY


@pytest.mark.parametrize("stream", [True, False])
async def test_what_acted_on_the_world_is_not_tried_again(server: str, stream: bool) -> None:
    async with openai.AsyncOpenAI(base_url=server, api_key=KEY, default_headers={"X-Agent-Status": "off"}) as client:
        before = await cards_sent(client)
        with pytest.raises(openai.APIError, match="vendor"):
            await ask(client, "acting", stream)
        assert await cards_sent(client) == before + 1


async def ask(client: openai.AsyncOpenAI, agent: str, stream: bool) -> str:
    asked = {"model": agent, "messages": [{"role": "user", "content": "Go."}]}
    answer = await client.chat.completions.create(stream=stream, **asked)  # type: ignore[call-overload]  # either way
    if not stream:
        return str(answer.choices[0].message.content)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in answer])


async def cards_sent(client: openai.AsyncOpenAI) -> int:
    return int(await ask(client, "counting", stream=False))
