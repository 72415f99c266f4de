"""Long histories are read, prepared and encoded in a thread, and come out as short ones do."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace

from tests.agent.scripted import Scripted, says
from tests.server.serving import CHAT, serving
from turnstream import Agent, RequestError, UserMessage, offload
from turnstream.events import AssistantMessage, ModelRequest, TextPart
from turnstream.providers import base, openai
from turnstream.providers.transport.http import HttpModel


async def test_work_is_done_in_another_thread_and_its_errors_are_raised_here() -> None:
    assert await offload.run(threading.get_ident) != threading.get_ident()
    with pytest.raises(RequestError, match="no"):
        await offload.run(fail)


def fail() -> None:
    raise RequestError("no")


async def test_a_long_history_reaches_the_model_whole() -> None:
    said = [(role, f"{role} {n} {'x' * 200}") for n in range(offload.MANY) for role in ("user", "assistant")]
    model = Scripted(says("ok"))
    async with serving(Agent(model)) as served:
        body = {"messages": [{"role": role, "content": text} for role, text in said]}
        status, _, _ = await served.post(body, CHAT)
    assert status == 200
    assert list(model.requests[0].messages) == [
        UserMessage(text) if role == "user" else AssistantMessage((TextPart(text),)) for role, text in said
    ]


@pytest.mark.parametrize(("count", "aside"), [(1, False), (offload.MANY, True)])
async def test_only_long_histories_are_encoded_aside(count: int, aside: bool) -> None:
    threads: list[int] = []

    def request(settings: base.Settings, asked: ModelRequest) -> base.HttpRequest:
        threads.append(threading.get_ident())
        raise RequestError("seen")

    model = HttpModel("m", replace(openai.PROVIDER, request=request), base.Settings("m", "http://127.0.0.1:9", "k"))
    with pytest.raises(RequestError, match="seen"):
        async with model.stream(ModelRequest(tuple(UserMessage("hi") for _ in range(count)))):
            pass
    assert (threads != [threading.get_ident()]) is aside
