"""The queue in front of the places for runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from turnstream import errors
from turnstream.runs.places import Place, Places


async def never() -> None:
    await asyncio.Event().wait()


def ask(places: Places, principal: str) -> asyncio.Task[Place | None]:
    return asyncio.create_task(places.wait(principal, never))


async def settle() -> None:
    """Let everybody act who can."""
    for _ in range(5):
        await asyncio.sleep(0)


def leave(place: Place | None) -> None:
    assert place is not None
    with place:
        pass


async def test_one_with_a_thousand_requests_does_not_starve_another() -> None:
    places = Places(2, queue=2000)
    holding = [places.take("greedy", None), places.take("greedy", None)]
    greedy = [ask(places, "greedy") for _ in range(1000)]
    await settle()
    modest = [ask(places, "modest") for _ in range(3)]
    await settle()
    leave(holding.pop())
    leave(await modest[0])
    leave(await modest[1])
    leave(await modest[2])
    await settle()
    assert sum(task.done() for task in greedy) == 1
    for task in greedy:
        task.cancel()
    await asyncio.gather(*greedy, return_exceptions=True)
    assert places.waiting == 0


async def test_a_full_queue_makes_room_for_somebody_who_has_fewer_in_it() -> None:
    places = Places(1, queue=3)
    place = places.take("greedy", None)
    greedy = [ask(places, "greedy") for _ in range(3)]
    await settle()
    modest = ask(places, "modest")
    await settle()
    with pytest.raises(errors.QueueFullError):
        await greedy[2]
    leave(place)
    leave(await greedy[0])
    leave(await modest)
    leave(await greedy[1])


async def test_a_full_queue_refuses_whoever_has_the_most_in_it() -> None:
    places = Places(1, queue=2)
    place = places.take("greedy", None)
    waiting = [ask(places, "greedy") for _ in range(2)]
    await settle()
    with pytest.raises(errors.QueueFullError, match="2 requests wait"):
        await places.wait("greedy", never)
    leave(place)
    for each in waiting:
        leave(await each)


async def test_a_place_is_not_taken_past_those_who_wait() -> None:
    places = Places(1, queue=2)
    place = places.take("ann", None)
    waiting = ask(places, "bob")
    await settle()
    leave(place)
    assert places.take("ann", None) is None
    leave(await waiting)


async def test_whoever_waits_too_long_is_refused() -> None:
    places = Places(1, queue=1, timeout=0.01)
    place = places.take("ann", None)
    with pytest.raises(errors.ServerBusyError):
        await places.wait("bob", never)
    leave(place)
    assert (places.in_use, places.waiting) == (0, 0)


async def test_a_client_that_goes_leaves_the_queue() -> None:
    places = Places(1, queue=1)
    place = places.take("ann", None)
    assert await places.wait("bob", settle) is None
    leave(place)
    assert (places.in_use, places.waiting, dict(places.taken)) == (0, 0, {})


@pytest.mark.parametrize("granted", [False, True])
async def test_a_wait_that_is_cancelled_leaves_nothing(granted: bool) -> None:
    places = Places(1, queue=1)
    place: Any = places.take("ann", None)
    waiting = ask(places, "bob")
    await settle()
    if granted:
        leave(place)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not granted:
        leave(place)
    assert (places.in_use, places.waiting) == (0, 0)


async def test_nobody_waits_for_a_server_that_goes() -> None:
    places = Places(1, queue=1)
    place = places.take("ann", None)
    waiting = ask(places, "bob")
    await settle()
    places.refuse_all(errors.ServerBusyError("The server is shutting down."))
    with pytest.raises(errors.ServerBusyError):
        await waiting
    leave(place)
    assert places.in_use == 0


async def test_those_that_wait_count_among_those_that_a_principal_may_have() -> None:
    places = Places(1, queue=5)
    place = places.take("ann", 2)
    assert places.take("ann", 2) is None
    waiting = ask(places, "ann")
    await settle()
    with pytest.raises(errors.RateLimitError, match="2 are allowed"):
        places.take("ann", 2)
    leave(place)
    leave(await waiting)
