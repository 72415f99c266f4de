from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings, strategies as st

from turnstream.messages import AssistantMessage, Message, ProviderItem, TextPart, ToolCall, ToolMessage, UserMessage
from turnstream.protocols import MovedError, RunState, ThreadKey
from turnstream.threads.memory import OVERHEAD, MemoryThreads

T = TypeVar("T")
ANN = ThreadKey("ann", "helper", "t")
HI: list[Message] = [UserMessage("hi"), AssistantMessage((TextPart("hello"),))]


def run(wait: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(wait)


def stored(id: str = "r1", principal: str = "ann", agent: str = "helper", shown: bytes = b"") -> RunState:
    return RunState(id, principal, agent, None, "finished", 0.0, shown=shown)


def test_a_thread_gives_back_what_was_added_whole() -> None:
    threads = MemoryThreads()
    parts = (ProviderItem("x", {"signature": "s", "n": [1, None]}), ToolCall("c", "f", '{"a":1}', {"k": "v"}))
    said: list[Message] = [*HI, AssistantMessage(parts), ToolMessage("c", (TextPart("r"),), "f", is_error=True)]
    assert run(threads.append(ANN, said)) == 4
    assert run(threads.read(ANN)) == said
    assert run(threads.read(ANN, after=1, limit=2)) == said[1:3]


@pytest.mark.parametrize("field", ["principal", "agent", "id"])
def test_another_principal_agent_or_name_is_another_thread(field: str) -> None:
    threads = MemoryThreads()
    run(threads.append(ANN, HI, run=stored()))
    other = ThreadKey(**{"principal": "ann", "agent": "helper", "id": "t", field: "other"})
    assert run(threads.read(other)) == []
    assert run(threads.get(other)) is None
    assert not run(threads.delete(other))
    assert len(run(threads.read(ANN))) == 2


def test_a_run_is_found_under_its_principal_and_agent_alone() -> None:
    threads = MemoryThreads()
    run(threads.append(ANN, HI, run=stored()))
    found = run(threads.run("ann", "helper", "r1"))
    assert found is not None
    assert (found.thread, found.length) == ("t", 2)
    assert run(threads.run("bob", "helper", "r1")) is None
    assert run(threads.run("ann", "other", "r1")) is None


def test_a_writer_who_knows_another_length_adds_nothing() -> None:
    threads = MemoryThreads()
    run(threads.append(ANN, HI, at=0))
    with pytest.raises(MovedError):
        run(threads.append(ANN, HI, at=1))
    assert run(threads.append(ANN, HI, at=2)) == 4


def test_a_fork_goes_its_own_way() -> None:
    threads = MemoryThreads()
    run(threads.append(ANN, HI))
    run(threads.rename(ANN, "Weather"))
    assert run(threads.fork(ANN, 3, "f")) is None
    fork = run(threads.fork(ANN, 1, "f"))
    assert fork is not None
    assert fork.title == "Weather"
    run(threads.append(fork.key, [UserMessage("other")]))
    assert run(threads.read(fork.key)) == [HI[0], UserMessage("other")]
    assert run(threads.read(ANN)) == HI


def test_a_thread_can_be_named_shortened_listed_and_forgotten() -> None:
    times = iter(float(n) for n in range(100))
    threads = MemoryThreads(clock=lambda: next(times))
    second = ThreadKey("ann", "helper", "u")
    run(threads.append(ANN, HI, run=stored()))
    run(threads.append(second, HI))
    assert run(threads.rename(ANN, "A talk"))
    assert run(threads.rewind(ANN, 1))
    assert not run(threads.rewind(ANN, 2))
    listed = run(threads.recent("ann"))
    assert [(thread.key.id, thread.title, thread.length) for thread in listed] == [("t", "A talk", 1), ("u", None, 2)]
    assert [thread.key.id for thread in run(threads.recent("ann", before="t"))] == ["u"]
    assert run(threads.recent("bob")) == run(threads.recent("ann", "other")) == []
    assert run(threads.erase("ann")) == 3
    assert (threads.size, run(threads.run("ann", "helper", "r1"))) == (0, None)


def test_what_was_used_longest_ago_goes_first_and_its_runs_with_it() -> None:
    threads = MemoryThreads(limit=3 * (10_000 + 8 * OVERHEAD))
    keys = [ThreadKey("ann", "helper", name) for name in "abcd"]
    for key in keys[:3]:
        run(threads.append(key, [UserMessage("x" * 10_000)], run=stored(key.id)))
    run(threads.run("ann", "helper", "a"))  # used
    run(threads.append(keys[3], [UserMessage("x" * 10_000)], run=stored("d")))
    assert [len(run(threads.read(key))) for key in keys] == [1, 0, 1, 1]
    assert run(threads.run("ann", "helper", "b")) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400), st.integers(0, 6)), max_size=40))
@settings(deadline=None, max_examples=60)
def test_the_limit_holds_whatever_is_done_and_the_ledger_is_right(steps: list[tuple[int, int, int]]) -> None:
    threads = MemoryThreads(limit=6_000)

    async def act() -> None:
        for at, (name, size, what) in enumerate(steps):
            key = ThreadKey("ann", "helper", str(name))
            match what:
                case 0 | 1 | 2:
                    await threads.append(key, [UserMessage("x" * size)], run=stored(f"r{at}", shown=b"y" * size))
                case 3:
                    await threads.fork(key, 1, f"f{at}")
                case 4:
                    await threads.rewind(key, 1)
                case 5:
                    await threads.rename(key, "t" * size)
                case _:
                    await threads.delete(key)
            assert 0 <= threads.size <= 6_000
        await threads.erase("ann")
        assert threads.size == 0

    run(act())
