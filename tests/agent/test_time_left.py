"""What a run knows of its deadline is known to its tools and models, and nothing is waited for in vain."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from tests.agent.scripted import Box, Scripted, calls, says
from tests.providers.test_http import ASK, made
from tests.providers.upstream import says as answers, upstream
from tests.server.serving import ASK as BODY, serving
from tests.tools.web import allowed, serving as site
from turnstream.agent import Agent
from turnstream.errors import ProviderError, RunTimeout, ToolError
from turnstream.events import RunContext, RunFailed, ToolCall, ToolOutput
from turnstream.messages import UserMessage
from turnstream.requests import RunRequest
from turnstream.server.request import patience
from turnstream.tools.rest import rest

SOON = RunContext(time_left=lambda: 0.2)


async def seen(agent: Agent, **request: Any) -> list[float | None]:
    async with agent.run(RunRequest((UserMessage("hi"),), **request)) as run:
        async for _ in run:
            pass
    return LEFT


LEFT: list[float | None] = []


async def note(call: ToolCall, context: RunContext) -> ToolOutput:
    LEFT[:] = [context.time_left()]
    return ToolOutput("ok")


def noting(**limits: Any) -> Agent:
    return Agent(Scripted(calls(("note", "{}")), says("done")), [Box(note=note)], **limits)


async def test_a_tool_knows_how_much_time_its_run_has_left() -> None:
    [left] = await seen(noting(run_timeout=50))
    assert left is not None
    assert 40 < left <= 50


async def test_the_client_s_patience_counts_if_it_is_shorter() -> None:
    [left] = await seen(noting(run_timeout=50), timeout=30.0)
    assert left is not None
    assert 20 < left <= 30


async def test_without_a_deadline_there_is_nothing_to_know() -> None:
    assert await seen(noting(run_timeout=None)) == [None]


async def test_an_http_tool_waits_no_longer_than_its_run() -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.sleep(20)
        return web.Response()

    async with site(never) as url, rest("slow", url, options=replace(allowed(url), timeout=15)) as box:
        with pytest.raises(ToolError, match=r"did not answer within 0\.2 seconds"):
            await box.call(ToolCall("1", "slow", "{}"), SOON)


async def test_a_model_that_says_to_come_back_later_than_the_run_lives_is_not_waited_for() -> None:
    busy = answers(b"{}", status="429 Too Many Requests", headers="retry-after: 5")
    async with upstream(busy) as vendor:
        began = time.monotonic()
        with pytest.raises(ProviderError) as caught:
            async with made(vendor.base_url).stream(ASK, SOON):
                pass
    assert (caught.value.status, len(vendor.requests)) == (429, 1)
    assert time.monotonic() - began < 4


async def test_a_client_says_how_long_it_waits() -> None:
    async with serving(Agent(Scripted([asyncio.Event()]))) as served:
        status, _, answer = await served.post(BODY, prefer="respond-async, wait=1")
    assert (status, answer["error"]["code"]) == (504, RunTimeout.code)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"wait=30", 30),
        (b'Wait = "7"; x', 7),
        (b"respond-async, wait=2", 2),
        (b"wait=" + b"9" * 500, 999_999_999),
        *((value, None) for value in (b"wait", b"wait=0", b"wait=-1", b"wait=1e9", b"x=1", b"," * 60_000)),
    ],
)
def test_the_patience_of_a_client_is_read_as_rfc_7240_has_it(value: bytes, seconds: float | None) -> None:
    assert patience({"headers": [(b"host", b"x"), (b"prefer", value)]}) == seconds


async def test_a_run_that_is_over_time_ends_with_one_terminal_event() -> None:
    async with Agent(Scripted([asyncio.Event()])).run(RunRequest((UserMessage("hi"),), timeout=0.05)) as run:
        events = [event async for event in run]
    assert isinstance(events[-1], RunFailed)
    assert sum(isinstance(event, RunFailed) for event in events) == 1
