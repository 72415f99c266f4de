"""What each official client makes of a refusal: its own class of error, and words that say what to do."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest
from a2a.types import TaskState

from tests.clients.a2a_python import Talk
from tests.clients.clients import FRONT_ENDS, converse
from tests.clients.job import Job
from tests.clients.node_process import NodeProcess

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Go."}], "max_tokens": 9}
REFUSED = [
    ("plain", "wrong", anthropic.AuthenticationError, "authentication_error", "API key"),
    ("nobody", "key", anthropic.NotFoundError, "not_found_error", "no agent named 'nobody'"),
    ("broken-start", "key", anthropic.InternalServerError, "api_error", "vendor failed"),
]


@pytest.mark.parametrize(("agent", "key", "kind", "type", "words"), REFUSED)
@pytest.mark.parametrize("stream", [True, False])
async def test_anthropics_client_raises_its_own_errors(
    server: str, agent: str, key: str, kind: type[anthropic.APIStatusError], type: str, words: str, stream: bool
) -> None:
    root = server.removesuffix("/v1")
    async with anthropic.AsyncAnthropic(base_url=root, api_key=key, max_retries=0) as client:
        with pytest.raises(kind) as caught:
            await client.messages.create(model=agent, stream=stream, **ASK)
    assert (caught.value.type, words in (caught.value.api_message or "")) == (type, True)
    assert (caught.value.request_id or "").startswith("req_")


async def test_anthropics_client_is_told_an_estimate_of_tokens(server: str) -> None:
    root = server.removesuffix("/v1")
    async with anthropic.AsyncAnthropic(base_url=root, api_key="key") as client:
        counted = await client.messages.count_tokens(
            model="plain", messages=[{"role": "user", "content": "x" * 400}], system="y" * 40
        )
        answer = await client.messages.create(model="plain", **ASK)
    assert counted.input_tokens == 110
    assert (answer._request_id or "").startswith("req_")


async def test_openais_client_raises_its_own_errors(server: str) -> None:
    async with openai.AsyncOpenAI(base_url=server, api_key="wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError, match="API key"):
            await client.responses.create(model="plain", input="Go.")


@pytest.mark.parametrize("name", FRONT_ENDS)
@pytest.mark.parametrize(
    ("agent", "key", "words"),
    [("plain", "wrong", "API key"), ("nobody", "key", "no agent named"), ("broken-start", "key", "vendor failed")],
)
async def test_a_front_end_shows_what_is_wrong(
    server: str, node: NodeProcess, name: str, agent: str, key: str, words: str
) -> None:
    outcome = await converse(Job(name, server, agent, api_key=key), node)
    assert outcome.error is not None
    assert words in outcome.error.message


@pytest.mark.parametrize("version", ["1.0", "0.3"])
@pytest.mark.parametrize("form", ["stream", "whole"])
async def test_a2as_client_is_given_a_failed_task_with_the_reason(server: str, version: str, form: str) -> None:
    async with Talk(Job(f"a2a-sdk {version} {form}", server, "broken-start")) as talk:
        *_, last = [response async for response in talk.send("Go.")]
        status = last.status_update.status if last.HasField("status_update") else last.task.status
        assert status.state == TaskState.TASK_STATE_FAILED
        assert status.message.parts[0].text == "The model's vendor failed."
        id = last.status_update.task_id or last.task.id
        assert (await talk.task(id)).status == status
