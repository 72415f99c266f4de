from __future__ import annotations

import pytest

from bench.rig import document, product, tables
from bench.rig.load import Job, Report, conversation
from bench.rig.measure import Sample, conditions, measure
from bench.rig.plan import KEPT, MANY_TOOLS, PLAIN
from bench.rig.process import cores, started
from bench.rig.start import Start
from bench.rig.tables import FLOOR, TURNSTREAM


def sample(cpu: float, streams: int = 10) -> Sample:
    return Sample(cpu, 50.0, Report(1000, 1.0, 1.0, 2.0, 3.0, {}, 4.0, 5.0, streams))


def a_run(*phases: str) -> tables.Run:
    samples = {phase: {TURNSTREAM: [sample(30), sample(20)], FLOOR: [sample(10), sample(10)]} for phase in phases}
    starts = {TURNSTREAM: [Start(200, 60)], FLOOR: [Start(100, 40)]}
    return tables.Run(conditions(), True, samples, starts)


def test_a_ratio_is_taken_within_a_round() -> None:
    found = {target.what: target for target in tables.targets(a_run("burst", "request", "tool"))}
    burst = found["burst, CPU × floor"]
    assert burst.measured is not None
    assert (burst.measured.median, burst.measured.low, burst.measured.high) == (2.5, 2.0, 3.0)
    assert burst.verdict == "missed"
    assert found["tool round, × one request of the floor"].verdict == "aim"
    assert found["ready after start, × floor"].verdict == "missed"


def test_what_was_not_measured_has_no_verdict() -> None:
    verdicts = {target.what: target.verdict for target in tables.targets(a_run())}
    assert verdicts["burst, CPU × floor"] == "–"
    assert verdicts["RSS idle, MiB"] == "met"


def test_the_page_has_a_place_for_what_was_measured_and_says_on_which_machine() -> None:
    page = document.PAGE.read_text("utf-8")
    assert page.index(document.BEGIN) < page.index(document.END)
    text = document.text(a_run("burst"))
    assert conditions()["processor"] in text
    assert "| burst, CPU × floor | 2.50 (2.00 to 3.00) | ≤ 1.5 | ≤ 1.2 | missed |" in text


@pytest.mark.parametrize("count", [0, 4, 1000])
def test_a_history_has_as_many_messages_as_asked_for(count: int) -> None:
    assert conversation(count).count(b'"role"') == count


@pytest.mark.timeout(120)
def test_the_command_answers_for_each_agent_of_the_bench() -> None:
    mine, others = cores()
    with (
        started("bench.rig.upstream", on=others) as upstream,
        product.serving(upstream.url, mine, several=True) as served,
    ):
        jobs = [Job(served.port, "burst", 1, 2, 5, agent=agent, history=8) for agent in (PLAIN, MANY_TOOLS, KEPT)]
        jobs += [Job(served.port, "tool", 1, 2, 5), Job(served.port, "paced", 2, 1, 20, rate=100, beside=400)]
        for job in jobs:
            report = measure(served, job, others).report
            assert (report.errors, report.streams) == ({}, job.streams)
            assert report.first > 0
