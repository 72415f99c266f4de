from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.agent.scripted import Scripted, calls, says
from turnstream.agent import Agent
from turnstream.agent.time_limit import PausableTimeout
from turnstream.events import RunContext, ToolCall, ToolOutput, ToolResult, ToolSpec

TIMEOUT = 0.02


async def test_time_passes_only_while_nobody_holds_it() -> None:
    over = asyncio.Event()
    limit = PausableTimeout(asyncio.get_running_loop(), TIMEOUT, over.set)
    with limit.pause(), limit.pause():
        await asyncio.sleep(2 * TIMEOUT)
        assert not over.is_set()
    async with asyncio.timeout(5):
        await over.wait()


async def test_it_may_be_held_in_a_thread() -> None:
    over = asyncio.Event()
    limit = PausableTimeout(asyncio.get_running_loop(), TIMEOUT, over.set)

    def hold() -> None:
        with limit.pause():
            asyncio.run(asyncio.sleep(2 * TIMEOUT))

    await asyncio.to_thread(hold)
    assert not over.is_set()
    limit.close()


async def test_it_may_be_held_when_it_is_over_or_closed() -> None:
    times: list[PausableTimeout] = []
    limit = PausableTimeout(asyncio.get_running_loop(), TIMEOUT, lambda: times.append(limit))
    await asyncio.sleep(2 * TIMEOUT)
    limit.close()
    with limit.pause():
        await asyncio.sleep(0)
    await asyncio.sleep(2 * TIMEOUT)
    assert len(times) == 1


class Box:
    def __init__(self, work: Callable[[RunContext], Awaitable[bool]]) -> None:
        self.work = work

    async def tools(self, context: RunContext) -> list[ToolSpec]:
        return [ToolSpec("work", timeout=TIMEOUT)]

    async def call(self, call: ToolCall, context: RunContext) -> ToolOutput:
        return ToolOutput(str(await self.work(context)))


async def result(work: Callable[[RunContext], Awaitable[bool]]) -> str:
    """Of a call in a run whose person agrees after a while to whatever is asked."""
    asked: list[str] = []

    async def approve(call: ToolCall) -> bool:
        await asyncio.sleep(3 * TIMEOUT)
        asked.append(call.name)
        return True

    agent = Agent(Scripted(calls(("work", "{}")), says("done")), [Box(work)])
    async with asyncio.timeout(5), agent.run("go", approve=approve) as run:
        (found,) = [event async for event in run if isinstance(event, ToolResult)]
    assert asked in ([], ["work"])
    return found.output.shown_text


async def test_a_call_that_waits_for_a_person_has_time_and_only_then() -> None:
    async def patient(context: RunContext) -> bool:
        assert context.approve is not None
        with context.untimed():
            return await context.approve()

    async def slow_after_the_question(context: RunContext) -> bool:
        await patient(context)
        await asyncio.Event().wait()
        return True

    assert await result(patient) == "True"
    assert await result(slow_after_the_question) == "The tool work gave no result within 0.02 seconds."
