"""Who is left when clients do not take what waits for them: the rules, with transports that a test moves."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from turnstream.server.sockets import PACE, Sockets


class Fake:
    """As much of a transport as is asked for."""

    def __init__(self, size: int = 0) -> None:
        self.size, self.is_aborted = size, False

    def get_write_buffer_size(self) -> int:
        return self.size

    def abort(self) -> None:
        self.is_aborted = True


def transports(*sizes: int) -> list[Fake]:
    return [Fake(size) for size in sizes]


def opened(*fakes: Fake, most: int = 9, most_held: int = 1000 * PACE, send_timeout: float = 60.0) -> Sockets:
    sockets = Sockets(most, most_held, send_timeout)
    for fake in fakes:
        assert sockets.add(as_transport(fake))
    return sockets


def as_transport(fake: Fake) -> asyncio.Transport:
    return cast("asyncio.Transport", fake)


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now, raising=False)

    def look(self, sockets: Sockets, seconds: float) -> None:
        self.now += seconds
        assert sockets._timer is not None
        sockets._timer.cancel()
        sockets._look()


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_a_client_that_takes_nothing_is_left_after_the_time_out(clock: Clock) -> None:
    reading, idle, stuck = transports(9 * PACE, 0, 100)
    sockets = opened(reading, idle, stuck)
    for _ in range(5):
        clock.look(sockets, 20)
        reading.size -= PACE
    assert [reading.is_aborted, idle.is_aborted, stuck.is_aborted] == [False, False, True]


async def test_a_client_that_takes_a_byte_a_second_is_left_too(clock: Clock) -> None:
    trickle = Fake(9 * PACE)
    sockets = opened(trickle)
    for _ in range(5):
        clock.look(sockets, 20)
        trickle.size -= 20
    assert trickle.is_aborted


async def test_beyond_the_bytes_for_all_those_are_left_whose_writers_wait_longest() -> None:
    fakes = transports(PACE, PACE, PACE, PACE)
    sockets = opened(*fakes, most_held=2 * PACE)
    for fake in fakes:
        sockets.put_on(as_transport(fake))
    assert [fake.is_aborted for fake in fakes] == [True, True, False, False]


async def test_what_has_been_taken_since_counts_no_more() -> None:
    first, second = fakes = transports(2 * PACE, PACE)
    sockets = opened(*fakes, most_held=2 * PACE)
    sockets.put_on(as_transport(first))
    first.size = PACE
    sockets.put_on(as_transport(second))
    assert not first.is_aborted


async def test_bytes_for_which_no_writer_waits_count_at_the_next_look(clock: Clock) -> None:
    fakes = transports(PACE, PACE)
    sockets = opened(*fakes, most_held=PACE)
    clock.look(sockets, 1)
    assert [fake.is_aborted for fake in fakes] == [True, False]


async def test_there_are_no_more_connections_than_may_be() -> None:
    first, second = transports(0, 0)
    sockets = opened(first, most=1)
    assert not sockets.add(as_transport(second))
    sockets.discard(as_transport(second))
    sockets.discard(as_transport(first))
    assert sockets.add(as_transport(second))
