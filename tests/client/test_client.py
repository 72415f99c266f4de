"""The client of the native wire: a stream that breaks goes on, and nothing is done twice."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from tests.agent.scripted import Scripted, calls, says
from tests.server.serving import serving
from tests.server.test_kept_runs import slow
from tests.server.test_stores import setting
from tests.stores import Place, soon
from tests.tools.web import serving as web_serving
from turnstream import Agent, events
from turnstream.client import Client, RefusedError


async def test_a_run_is_started_watched_and_shown(place: Place) -> None:
    async with (
        serving(Agent(Scripted(says("hello")), name="a"), store=setting(place)) as served,
        Client(served.url) as client,
    ):
        run = await client.start("hi", thread="t")
        seen = [each async for each in client.events(run.id)]
        assert [seq for seq, _ in seen] == list(range(1, len(seen) + 1))
        assert isinstance(seen[-1][1], events.RunFinished)
        run = await client.get(run.id)
        assert (run.status, run.thread, run.agent) == ("finished", "t", "a")


async def test_a_stream_goes_on_when_the_server_was_restarted(place: Place) -> None:
    """At the same address, as behind a load balancer."""
    first = Scripted(calls(("look", "{}")), [[events.TextDelta("unfini")], asyncio.Event()])
    seen: list[tuple[int, events.LogEvent]] = []
    broken = asyncio.Event()

    async def watch(client: Client, run_id: str) -> None:
        async for seq, event in client.events(run_id):
            seen.append((seq, event))
            if isinstance(event, events.TextDelta):
                broken.set()

    async with serving(Agent(first, name="a"), store=setting(place), shutdown_grace=0) as served:
        client = await Client(served.url, patience=20).__aenter__()
        run = await client.start("hi")
        watching = asyncio.create_task(watch(client, run.id))
        await soon(broken.wait())
        port = int(served.url.rpartition(":")[2])
    async with serving(Agent(Scripted(says("done")), name="a"), store=setting(place), port=port):
        await soon(watching)
        await client.__aexit__(None, None, None)
    assert [seq for seq, _ in seen] == list(range(1, len(seen) + 1))
    kinds = [type(event) for _, event in seen]
    assert (kinds.count(events.RunResumed), kinds[-1]) == (1, events.RunFinished)


async def test_a_run_that_waits_is_answered(place: Place) -> None:
    model = Scripted(calls(("choose", "{}"), ids=["c1"]), says("red"))
    tools = [{"type": "function", "function": {"name": "choose"}}]
    async with serving(Agent(model, name="a"), store=setting(place)) as served, Client(served.url) as client:
        run = await client.start("hi", tools=tools)
        async for _, event in client.events(run.id):
            if isinstance(event, events.RunWaiting):
                await client.answer(run.id, {"c1": "red"})
        assert (await client.get(run.id)).status == "finished"


async def test_a_run_is_cancelled(place: Place) -> None:
    async with (
        serving(Agent(slow(asyncio.Event(), "a"), name="a"), store=setting(place)) as served,
        Client(served.url) as client,
    ):
        run = await client.start("hi")
        await client.cancel(run.id)
        assert [type(event) async for _, event in client.events(run.id)][-1] is events.RunCancelled


async def test_what_the_server_refuses_is_raised(place: Place) -> None:
    async with (
        serving(Agent(Scripted(says("ok")), name="a"), store=setting(place)) as served,
        Client(served.url) as client,
    ):
        with pytest.raises(RefusedError) as caught:
            await client.get("run_unknown")
        assert (caught.value.status, caught.value.code) == (404, "run_not_found")


async def test_a_server_that_stays_away_is_a_connection_error(unused_tcp_port: int) -> None:
    async with Client(f"http://127.0.0.1:{unused_tcp_port}", patience=0.2) as client:
        with pytest.raises(ConnectionError):
            await client.start("hi")


@pytest.mark.parametrize(("status", "error"), [(200, ValueError), (400, RefusedError)])
async def test_an_answer_that_is_nested_too_deeply_is_an_error(status: int, error: type[Exception]) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"[" * 100_000, status=status)

    async with web_serving(answer) as url, Client(url) as client:
        with pytest.raises(error):
            await client.start("hi")
