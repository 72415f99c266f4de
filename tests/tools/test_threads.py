from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
import time

import pytest

from turnstream.tools.threads import Threads

BOUND = 10.0
name = contextvars.ContextVar("name", default="")


async def test_a_blocking_call_leaves_the_loop_free() -> None:
    gate = threading.Event()
    call = asyncio.create_task(Threads("t", 1).run(gate.wait, BOUND))
    await asyncio.sleep(0)  # the loop runs on while the call blocks
    assert not call.done()
    gate.set()
    assert await asyncio.wait_for(call, BOUND) is True


async def test_the_caller_s_context_is_seen_and_not_changed() -> None:
    def work() -> str:
        seen = name.get()
        name.set("changed")
        return seen

    name.set("alice")
    assert await Threads("t", 1).run(work) == "alice"
    assert name.get() == "alice"


async def test_calls_above_the_limit_wait_their_turn() -> None:
    threads, gate, running, most = Threads("t", 3), threading.Semaphore(0), 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        assert gate.acquire(timeout=BOUND)
        with lock:
            running -= 1

    calls = asyncio.gather(*(threads.run(work) for _ in range(10)))
    await asyncio.sleep(0)
    gate.release(10)
    await asyncio.wait_for(calls, BOUND)
    assert 1 <= most <= 3


async def test_a_pool_full_of_hung_calls_times_out_its_waiters_and_never_begins_their_calls() -> None:
    threads, gate, begun = Threads("t", 1), threading.Event(), threading.Event()
    hung = asyncio.create_task(threads.run(gate.wait, BOUND))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(threads.run(begun.set), 0.05)
    gate.set()
    await asyncio.wait_for(hung, BOUND)
    assert await asyncio.wait_for(threads.run(lambda: "next"), BOUND) == "next"
    assert not begun.is_set()


async def test_a_cancelled_caller_does_not_wait_for_the_thread() -> None:
    gate, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(BOUND)

    call = asyncio.create_task(Threads("t", 1).run(work))
    await asyncio.wait_for(begun.wait(), BOUND)
    call.cancel()
    before = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert time.monotonic() - before < 1
    gate.set()


async def test_an_entered_pool_keeps_its_thread_and_a_left_one_ends_it() -> None:
    threads = Threads("entered", 4)
    with threads:
        first = await threads.run(threading.current_thread)
        for _ in range(20):
            assert (await threads.run(threading.current_thread)).name == "entered"
        assert sum(thread.name == "entered" for thread in threading.enumerate()) <= 4
    first.join(BOUND)
    assert not first.is_alive()


async def test_an_exception_comes_back_to_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(Threads("t", 1).run(lambda: 1 // 0), BOUND)


async def test_a_stop_iteration_does_not_hang_the_caller() -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(Threads("t", 1).run(next, iter(())), BOUND)


async def test_an_exit_in_a_thread_does_not_end_the_loop() -> None:
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        await asyncio.wait_for(Threads("t", 1).run(sys.exit, 3), BOUND)


def test_a_hung_call_does_not_keep_the_process_alive() -> None:
    code = (
        "import asyncio, time\n"
        "from turnstream.tools.threads import Threads\n"
        "async def main():\n"
        "    task = asyncio.create_task(Threads('t', 1).run(time.sleep, 60))\n"
        "    await asyncio.sleep(0.05)\n"
        "    task.cancel()\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)
