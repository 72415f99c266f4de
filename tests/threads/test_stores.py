"""Both stores of threads: what is kept under whose key, and that a thread and its run cannot differ."""

from __future__ import annotations

import asyncio

import pytest

from tests.stores import Store, finished, new_run, step
from turnstream import messages, protocols

KEY = protocols.ThreadKey("ann", "helper", "t")
OTHERS = (
    protocols.ThreadKey("bob", "helper", "t"),
    protocols.ThreadKey("ann", "other", "t"),
    protocols.ThreadKey("ann", "helper", "u"),
)


def say(*texts: str) -> list[messages.Message]:
    return [messages.UserMessage(text) for text in texts]


def stored_run(id: str = "resp_1") -> protocols.RunState:
    return protocols.RunState(
        id, "ann", "helper", "t", "finished", 1_760_000_000.0, ending=finished(), shown=b'{"id": "resp_1"}'
    )


async def test_messages_come_back_whole_and_in_order(store: Store) -> None:
    signed = messages.AssistantMessage((messages.ProviderItem("anthropic", {"signature": "s"}), messages.TextPart("b")))
    assert await store.threads.append(KEY, [*say("a"), signed]) == 2
    assert await store.threads.append(KEY, say("c")) == 3
    assert await store.threads.read(KEY) == [*say("a"), signed, *say("c")]
    assert await store.threads.read(KEY, after=1, limit=1) == [signed]


async def test_the_same_name_is_another_thread_for_another_principal_and_another_agent(store: Store) -> None:
    await store.threads.append(KEY, say("mine"))
    for other in OTHERS:
        assert await store.threads.read(other) == []
        assert await store.threads.get(other) is None
        assert not await store.threads.delete(other)
        assert await store.threads.fork(other, 0, "x") is None
    assert await store.threads.read(KEY) == say("mine")


async def test_who_believes_the_thread_shorter_than_it_is_writes_nothing(store: Store) -> None:
    await store.threads.append(KEY, say("a"), at=0)
    with pytest.raises(protocols.MovedError):
        await store.threads.append(KEY, say("b"), at=0)
    assert await store.threads.append(KEY, say("b"), at=1) == 2


async def test_of_many_writers_at_one_place_one_succeeds(store: Store) -> None:
    writers = (store.threads.append(KEY, say(str(number)), at=0) for number in range(8))
    results = await asyncio.gather(*writers, return_exceptions=True)
    assert sum(result == 1 for result in results) == 1
    assert sum(isinstance(result, protocols.MovedError) for result in results) == 7


async def test_a_run_is_stored_with_its_messages_or_not_at_all(store: Store) -> None:
    await store.threads.append(KEY, say("a", "b"), run=stored_run())
    with pytest.raises(protocols.MovedError):
        await store.threads.append(KEY, say("c"), at=0, run=stored_run("resp_2"))
    found = await store.threads.run("ann", "helper", "resp_1")
    assert found is not None
    assert (found.length, found.status, found.ending, found.shown) == (2, "finished", finished(), b'{"id": "resp_1"}')
    assert await store.threads.run("ann", "helper", "resp_2") is None
    assert await store.threads.run("bob", "helper", "resp_1") is None
    assert await store.threads.run("ann", "other", "resp_1") is None


async def test_threads_are_listed_page_by_page_the_last_changed_first(store: Store) -> None:
    for name in "abcd":
        await store.threads.append(protocols.ThreadKey("ann", "helper", name), say("x"))
    await store.threads.append(protocols.ThreadKey("ann", "helper", "a"), say("y"))
    await store.threads.append(protocols.ThreadKey("bob", "helper", "z"), say("x"))
    first = [thread.key.id for thread in await store.threads.recent("ann", limit=2)]
    rest = [thread.key.id for thread in await store.threads.recent("ann", "helper", before=first[-1])]
    assert (first, rest) == (["a", "d"], ["c", "b"])


async def test_a_thread_has_a_title_and_a_length(store: Store) -> None:
    await store.threads.append(KEY, say("a", "b"))
    assert await store.threads.rename(KEY, "Weather")
    thread = await store.threads.get(KEY)
    assert thread is not None
    assert (thread.title, thread.length, thread.updated_at >= thread.created_at) == ("Weather", 2, True)


async def test_a_fork_begins_with_what_was_said_and_goes_its_own_way(store: Store) -> None:
    await store.threads.append(KEY, say("a", "b", "c"))
    await store.threads.rename(KEY, "Weather")
    fork = await store.threads.fork(KEY, 2, "f")
    assert fork is not None
    assert fork.title == "Weather"
    assert await store.threads.append(fork.key, say("d"), at=2) == 3
    assert await store.threads.read(fork.key) == say("a", "b", "d")
    assert await store.threads.read(KEY) == say("a", "b", "c")
    assert await store.threads.fork(KEY, 4, "g") is None


async def test_a_fork_does_not_write_into_a_thread_that_is_there(store: Store) -> None:
    await store.threads.append(KEY, say("a"))
    await store.threads.append(OTHERS[2], say("b"))
    with pytest.raises(protocols.MovedError):
        await store.threads.fork(KEY, 1, "u")
    assert await store.threads.read(OTHERS[2]) == say("b")


async def test_a_thread_is_rewound_to_a_message(store: Store) -> None:
    await store.threads.append(KEY, say("a", "b", "c"))
    assert await store.threads.rewind(KEY, 1)
    assert not await store.threads.rewind(KEY, 2)
    assert await store.threads.append(KEY, say("d"), at=1) == 2
    assert await store.threads.read(KEY) == say("a", "d")


async def test_a_deleted_thread_takes_its_runs_with_it(store: Store) -> None:
    await store.threads.append(KEY, say("a"), run=stored_run())
    claim = await store.runs.submit(new_run(thread="t"), here=True)
    assert await store.threads.delete(KEY)
    assert await store.threads.run("ann", "helper", "resp_1") is None
    assert await store.runs.get("ann", claim.new.id) is None
    assert await store.threads.read(KEY) == []


async def test_erasing_a_principal_leaves_nothing_of_it_and_everything_of_others(store: Store) -> None:
    for user in ("ann", "bob"):
        await store.threads.append(protocols.ThreadKey(user, "helper", "t"), say(user))
        claim = await store.runs.submit(new_run(user=user), here=True)
        await claim.append([step(1, "a")])
    assert await store.threads.erase("ann") == 2
    assert await store.threads.recent("ann") == []
    assert await store.runs.recent("ann") == []
    assert [len(await store.threads.recent("bob")), len(await store.runs.recent("bob"))] == [1, 1]
    assert await store.threads.erase("ann") == 0
