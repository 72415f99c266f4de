from __future__ import annotations

from bench.telemetry import Added, measure


def test_each_way_to_watch_is_measured_against_none() -> None:
    found = measure(2, 1, 3)
    assert set(found) == {"metrics", "traces", "both"}
    assert all(added.low <= added.middle <= added.high for added in found.values())


def test_the_interval_of_equal_differences_is_a_point() -> None:
    assert Added.of([2.0, 2.0, 2.0]) == Added(2.0, 2.0, 2.0)
