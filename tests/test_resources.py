from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from turnstream.resources import Shared


class Log(list[str]):
    async def open(self, stack: AsyncExitStack) -> str:
        self.append("open")
        stack.callback(self.append, "close")
        return "resource"


async def test_the_first_to_enter_opens_and_the_last_to_leave_closes() -> None:
    log = Log()
    shared = Shared(log.open)
    async with shared as one:
        async with shared as other:
            assert one == other == "resource"
        assert log == ["open"]
    assert log == ["open", "close"]


async def test_it_can_be_opened_again_after_it_was_closed() -> None:
    log = Log()
    shared = Shared(log.open)
    for _ in range(2):
        async with shared:
            assert shared.is_open
    assert log == ["open", "close"] * 2
    assert not shared.is_open


async def test_a_failed_opening_closes_what_it_had_opened_and_leaves_nobody_inside() -> None:
    log = Log()

    async def opening(stack: AsyncExitStack) -> None:
        await log.open(stack)
        raise OSError("no such server")

    shared = Shared(opening)
    with pytest.raises(OSError, match="no such server"):
        await shared.__aenter__()
    assert log == ["open", "close"]
    assert not shared.is_open
