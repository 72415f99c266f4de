"""Who owns a run, and how it is ended from outside."""

from __future__ import annotations

import asyncio

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import eventually
from turnstream.agent import Agent
from turnstream.events import RunEvent, RunFailed, RunFinished, RunRequest, TextDelta, Usage, UserMessage
from turnstream.requests import Principal
from turnstream.runs.supervisor import Handle, Supervisor, new_id

ALICE, BOB = Principal("alice"), Principal("bob")
SHUTDOWN = RunFailed("server_shutdown", "The server is shutting down.", 503, Usage())


def request() -> RunRequest:
    return RunRequest((UserMessage("hi"),), principal=ALICE)


def start(runs: Supervisor, model: Scripted) -> Handle:
    return runs.start(Agent(model), request(), new_id())


async def followed(handle: Handle) -> list[RunEvent]:
    events: list[RunEvent] = []
    async with handle.follow() as batches:
        async for batch in batches:
            events += batch
    return events


async def test_a_run_gives_its_follower_the_very_batches_of_the_agent() -> None:
    runs = Supervisor()
    handle = start(runs, Scripted(says("hello")))
    events = await followed(handle)
    assert isinstance(events[-1], RunFinished)
    assert (handle.failure, handle.left, runs.live) == (None, False, {})


async def test_a_run_ended_from_outside_leaves_its_follower_with_the_reason() -> None:
    runs, model = Supervisor(), Scripted([[TextDelta("a")], asyncio.Event()])
    handle = start(runs, model)
    async with asyncio.timeout(10), handle.follow() as batches:
        async for batch in batches:
            if batch == [TextDelta("a")]:
                runs.end_all(SHUTDOWN)
    assert (handle.failure, model.open, runs.live) == (SHUTDOWN, 0, {})


async def test_a_run_is_cancelled_for_its_principal_alone() -> None:
    runs, model = Supervisor(), Scripted([[TextDelta("a")], asyncio.Event()])
    handle = start(runs, model)
    async with asyncio.timeout(10), handle.follow() as batches:
        async for batch in batches:
            if batch == [TextDelta("a")]:
                assert not runs.cancel(handle.id, BOB)
                assert runs.cancel(handle.id, ALICE)
    assert handle.failure is not None
    assert handle.failure.code == "cancelled"
    assert not runs.cancel(handle.id, ALICE)


async def test_a_follower_that_leaves_ends_its_run() -> None:
    runs, model = Supervisor(), Scripted([[TextDelta("a")], asyncio.Event()])
    handle = start(runs, model)
    async with asyncio.timeout(10), handle.follow() as batches:
        async for batch in batches:
            if batch == [TextDelta("a")]:
                handle.leave()
    assert (handle.left, handle.failure, model.open) == (True, None, 0)


async def test_a_run_that_has_ended_cannot_be_ended_again() -> None:
    runs = Supervisor()
    handle = start(runs, Scripted(says("hello")))
    async with handle.follow() as batches:
        async for batch in batches:
            if isinstance(batch[-1], RunFinished):
                handle.end(SHUTDOWN)
    assert handle.failure is None


async def test_a_time_out_of_the_followers_own_goes_on_to_it() -> None:
    handle = start(Supervisor(), Scripted(says("hello")))
    with pytest.raises(TimeoutError):
        async with handle.follow():
            raise TimeoutError


async def test_whoever_cancels_the_follower_cancels_the_run() -> None:
    runs, model = Supervisor(), Scripted([asyncio.Event()])
    task = asyncio.create_task(followed(start(runs, model)))
    await eventually(lambda: model.open == 1)
    async with asyncio.timeout(10):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (model.open, runs.live) == (0, {})
