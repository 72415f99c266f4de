"""The end of a server: it drains, then says so, then goes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import ASK, CHAT, STREAM, events, eventually, lower, serving, until
from turnstream.agent import Agent
from turnstream.events import Finish, TextDelta


async def test_a_draining_server_takes_nothing_new_and_finishes_what_runs() -> None:
    go_on = asyncio.Event()
    model = Scripted([[TextDelta("first")], go_on, [TextDelta(" last"), Finish("stop")]])
    async with (
        serving(Agent(model)) as served,
        served.client.post(served.url + CHAT, json=STREAM) as response,
    ):
        await until(response.content, b"first")
        os.kill(os.getpid(), signal.SIGTERM)
        await eventually(lambda: served.server.state.draining)
        status, headers, answer = await served.post(ASK)
        assert (status, answer["error"]["code"]) == (503, "server_shutdown")
        assert int(headers["retry-after"]) > 0
        assert (await served.get("/readyz"))[0] == 503
        assert (await served.get("/healthz"))[0] == 200
        go_on.set()
        await until(response.content, b"[DONE]")
        await eventually(lambda: served.server.should_exit)


async def test_after_the_grace_a_stream_ends_with_an_error() -> None:
    model = Scripted([[TextDelta("first")], asyncio.Event()])
    async with (
        serving(Agent(model), shutdown_grace=0.1) as served,
        served.client.post(served.url + CHAT, json=STREAM) as response,
    ):
        await until(response.content, b"first")
        served.server.drain()
        rest = (await asyncio.wait_for(response.content.read(), 10)).decode()
        assert events(rest)[-1]["error"]["code"] == "server_shutdown"
        assert "[DONE]" not in rest
        await eventually(lambda: model.open == 0)


async def test_a_second_signal_ends_the_grace() -> None:
    model = Scripted([[TextDelta("first")], asyncio.Event()])
    async with (
        serving(Agent(model)) as served,
        served.client.post(served.url + CHAT, json=STREAM) as response,
    ):
        await until(response.content, b"first")
        for _ in range(2):
            served.server.handle_exit(signal.SIGTERM, None)
        rest = (await asyncio.wait_for(response.content.read(), 10)).decode()
        assert events(rest)[-1]["error"]["code"] == "server_shutdown"


async def test_after_the_grace_an_answer_not_begun_is_a_503() -> None:
    model = Scripted([asyncio.Event()])
    async with serving(Agent(model), shutdown_grace=0.1) as served:
        for body in (ASK, STREAM):
            asking = asyncio.create_task(served.client.post(served.url + CHAT, json=body))
            await eventually(lambda: model.open == 1)
            served.server.state.end_all()
            response = await asyncio.wait_for(asking, 10)
            assert (response.status, lower(response.headers)["retry-after"]) == (503, "5")
            assert (await response.json())["error"]["code"] == "server_shutdown"


async def test_an_idle_server_goes_at_once() -> None:
    async with serving(Agent(Scripted(says("hello")))) as served:
        await served.post(ASK)
        served.server.drain()
        await eventually(lambda: served.server.should_exit)


async def test_the_service_is_closed_at_the_end() -> None:
    class Owner(Scripted):
        entered = left = 0

        async def __aenter__(self) -> Owner:
            self.entered += 1
            return self

        async def __aexit__(self, *_: object) -> None:
            self.left += 1

    model = Owner(says("hello"))
    async with serving(Agent(model)) as served:
        await served.post(ASK)
        assert (model.entered, model.left) == (1, 0)
    assert (model.entered, model.left) == (1, 1)


async def test_a_server_without_runs_ends_without_a_word_of_waiting(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "turnstream.server"):
        async with serving(Agent(Scripted([]))) as served:
            served.server.drain()
            await eventually(lambda: served.server.should_exit)
    assert "exiting: no run is left" in caplog.text
    assert "draining" not in caplog.text
