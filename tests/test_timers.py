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


@settings(deadline=None)
@given(st.lists(st.one_of(st.integers(0, 9), st.just(None)), min_size=1, max_size=50))
def test_one_that_is_set_anew_is_called_at_the_last_time_alone(times: list[int | None]) -> None:
    async def run() -> tuple[list[float], float]:
        loop, called, done = asyncio.get_running_loop(), list[float](), asyncio.Event()
        timer = timers.Timer(loop, lambda: called.append(loop.time()))
        begun = loop.time()
        for late in times:
            timer.stop() if late is None else timer.set_at(begun + late / 1000)
        assert timer.is_set() == (times[-1] is not None)
        timers.call_at(loop, begun + 0.0095, done.set)
        await asyncio.wait_for(done.wait(), 10)
        assert not timer.is_set()
        return called, begun

    called, begun = asyncio.run(run())
    last = times[-1]
    assert [at >= begun + last / 1000 for at in called] == [True] if last is not None else called == []


async def test_one_that_was_called_can_be_set_again() -> None:
    loop, called, done = asyncio.get_running_loop(), list[int](), asyncio.Event()

    def call() -> None:
        called.append(len(called))
        timer.set_later(0.001) if len(called) < 3 else done.set()

    timer = timers.call_later(loop, 0.001, call)
    await asyncio.wait_for(done.wait(), 10)
    assert called == [0, 1, 2]


async def test_one_that_is_always_set_earlier_does_not_fill_the_heap() -> None:
    loop = asyncio.get_running_loop()
    timer = timers.Timer(loop, lambda: None)
    for place in range(10_000):
        timer.set_at(loop.time() + 3600 - place / 10)
    assert len(timers._OF_LOOPS[loop].heap) < 600
    timer.cancel()
