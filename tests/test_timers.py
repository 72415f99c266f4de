"""Time limits that share a timer of the event loop."""

from __future__ import annotations

import asyncio
import gc
import weakref
from functools import partial

from hypothesis import given, settings, strategies as st

from turnstream import timers


async def test_each_is_called_in_the_order_of_its_time() -> None:
    loop, called, done = asyncio.get_running_loop(), list[int](), asyncio.Event()
    for place in (2, 0, 1):
        timers.call_later(loop, place / 100, partial(called.append, place))
    timers.call_later(loop, 0.03, done.set)
    await asyncio.wait_for(done.wait(), 10)
    assert called == [0, 1, 2]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=400))
def test_those_that_were_cancelled_are_not_called_and_all_others_once(asked: list[tuple[int, bool]]) -> None:
    async def run() -> list[int]:
        loop, called, done = asyncio.get_running_loop(), list[int](), asyncio.Event()
        made = [timers.call_later(loop, late / 1000, partial(called.append, at)) for at, (late, _) in enumerate(asked)]
        for timer, (_, is_cancelled) in zip(made, asked, strict=True):
            if is_cancelled:
                timer.cancel()
        timers.call_later(loop, 0.006, done.set)
        await asyncio.wait_for(done.wait(), 10)
        return sorted(called)

    assert asyncio.run(run()) == [at for at, (_, is_cancelled) in enumerate(asked) if not is_cancelled]


async def test_one_that_fails_does_not_keep_the_others_from_their_time() -> None:
    loop, done, told = asyncio.get_running_loop(), asyncio.Event(), list[object]()
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    timers.call_later(loop, 0.001, lambda: 1 / 0)
    timers.call_later(loop, 0.001, done.set)
    await asyncio.wait_for(done.wait(), 10)
    assert [type(each) for each in told] == [ZeroDivisionError]


async def test_what_is_cancelled_is_not_kept() -> None:
    loop = asyncio.get_running_loop()
    callbacks = [partial(int, number) for number in range(1000)]
    made = [timers.call_later(loop, 3600, callback) for callback in callbacks]
    kept = [weakref.ref(callback) for callback in callbacks]
    callbacks.clear()
    for timer in made:
        timer.cancel()
    gc.collect()
    assert sum(each() is not None for each in kept) <= 1  # the last is still a local name
    assert len(timers._OF_LOOPS[loop].heap) < 600


async def test_one_may_ask_for_another() -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    timers.call_later(loop, 0.001, lambda: timers.call_later(loop, 0.001, done.set))
    await asyncio.wait_for(done.wait(), 10)
