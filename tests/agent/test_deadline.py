from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from turnstream.agent.deadline import Deadline
from turnstream.events import RunTimeout

T = TypeVar("T")


async def waited(deadline: Deadline, awaitable: Awaitable[T]) -> T:
    with deadline:
        return await awaitable


async def test_a_wait_past_the_deadline_is_interrupted() -> None:
    deadline = Deadline(0.01)
    async with asyncio.timeout(5):
        with pytest.raises(RunTimeout, match=r"within its 0\.01 seconds"):
            await waited(deadline, asyncio.Event().wait())


async def test_a_wait_that_begins_after_the_deadline_is_interrupted_too() -> None:
    deadline = Deadline(0)
    await asyncio.sleep(0.001)
    async with asyncio.timeout(5):
        with pytest.raises(RunTimeout):
            await waited(deadline, asyncio.Event().wait())


async def test_the_task_is_not_left_cancelled() -> None:
    deadline = Deadline(0)
    with pytest.raises(RunTimeout):
        await waited(deadline, asyncio.Event().wait())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_nothing_is_interrupted_between_two_waits() -> None:
    deadline = Deadline(0)
    await asyncio.sleep(0.01)
    deadline.close()


async def test_who_cancels_the_task_is_heard_before_the_deadline() -> None:
    deadline = Deadline(60)
    task = asyncio.create_task(waited(deadline, asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    deadline.close()


async def test_a_wait_that_swallows_its_interruption_gives_its_result() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        return "done"

    deadline = Deadline(0)
    assert await waited(deadline, stubborn()) == "done"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_without_a_limit_a_wait_only_waits() -> None:
    assert await waited(Deadline(None), asyncio.sleep(0, "done")) == "done"
