"""A model that fails is spared, and asked again after a while."""

from __future__ import annotations

from hypothesis import given, strategies as st

from turnstream.models import breaker
from turnstream.models.breaker import FAILURES, OPEN_SECONDS, Breaker


def opened(now: float = 0.0) -> Breaker:
    failing = Breaker()
    for _ in range(FAILURES):
        failing.fail(now)
    return failing


def test_a_few_failures_change_nothing_and_a_success_forgets_them() -> None:
    one = Breaker()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            one.fail(0)
        assert one.admit(0)
        one.succeed()


def test_after_enough_failures_it_is_spared_until_its_time_has_passed() -> None:
    one = opened(now=100)
    assert [one.admit(now) for now in (100, 99 + OPEN_SECONDS, 100 + OPEN_SECONDS)] == [False, False, True]


def test_one_probe_is_let_through_at_a_time() -> None:
    one = opened()
    assert [one.admit(OPEN_SECONDS) for _ in range(3)] == [True, False, False]
    assert one.admit(2 * OPEN_SECONDS)  # the first one never came back


def test_a_probe_that_is_answered_closes_it_and_one_that_fails_does_not() -> None:
    one = opened()
    assert one.admit(OPEN_SECONDS)
    one.fail(OPEN_SECONDS + 1)
    assert not one.admit(OPEN_SECONDS + 2)
    assert one.admit(2 * OPEN_SECONDS)
    one.succeed()
    assert one.admit(2 * OPEN_SECONDS)
    assert not one.is_open


def test_a_vendor_that_says_when_to_come_back_is_spared_for_so_long_and_not_for_ever() -> None:
    one = Breaker()
    one.fail(0, retry_after=7)
    assert [one.admit(now) for now in (6, 7)] == [False, True]
    one.fail(0, retry_after=1e9)
    assert one.admit(breaker.LONGEST_OPEN)


@given(st.lists(st.tuples(st.sampled_from(["fail", "asked", "admit"]), st.floats(0, 100)), max_size=60))
def test_whatever_happens_it_is_asked_again_within_its_time(moves: list[tuple[str, float]]) -> None:
    one, now = Breaker(), 0.0
    for move, seconds in moves:
        now += seconds
        if move == "admit":
            one.admit(now)
        else:
            one.fail(now, seconds if move == "asked" else None)
    assert one.admit(now + breaker.LONGEST_OPEN)
