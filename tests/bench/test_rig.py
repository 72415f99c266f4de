from __future__ import annotations

import pytest

from bench.__main__ import suites
from bench.rig.load import Job
from bench.rig.measure import measure
from bench.rig.process import cores, started


def test_the_stream_suite_is_found() -> None:
    pytest.importorskip("matplotlib", reason="make bench-tests has it")
    assert "stream" in suites()


def test_the_floor_passes_every_stream_on_and_its_cost_is_seen() -> None:
    mine, others = cores()
    with (
        started("bench.rig.upstream", on=others) as upstream,
        started("bench.rig.floor", upstream.url, on=mine) as floor,
    ):
        sample = measure(floor, Job(floor.port, "paced", 4, 2, 20, rate=1000.0, timeout=20), others)
    assert (sample.report.tokens, sample.report.errors) == (160, {})
    assert sample.cpu > 0
    assert sample.peak > 10
