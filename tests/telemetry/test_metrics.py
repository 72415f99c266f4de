from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from turnstream import events, messages, protocols, toolspec, tracing, usage
from turnstream.telemetry.labels import OTHER, Labels
from turnstream.telemetry.metrics import Metrics, RunMetrics

SAID = messages.AssistantMessage((messages.TextPart("ab"),))
DONE = events.RunFinished("stop", usage.Usage(10, 5), 1)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def begin(clock: Clock) -> tuple[Metrics, RunMetrics]:
    metrics = Metrics(clock)
    return metrics, metrics.watch(protocols.RunInfo("run_1", "helper", dialect="openai-chat"))


def values(metrics: Metrics) -> dict[str, float]:
    """``name{labels}`` → value, without buckets and times of making."""
    text = metrics.expose("")[0].decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{value}" for name, value in sorted(sample.labels.items()))
            if not sample.name.endswith(("_created", "_bucket")):
                found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def result(name: str, ok: bool = True) -> events.ToolResult:
    return events.ToolResult(1, messages.ToolCall("c", name, "{}"), toolspec.ToolOutput("x", not ok), 0.5)


def test_a_run_is_counted_by_agent_dialect_and_outcome() -> None:
    clock = Clock()
    metrics, run = begin(clock)
    assert values(metrics)["turnstream_runs_running{helper}"] == 1
    clock.now += 3
    run.close(DONE)
    told = values(metrics)
    assert told["turnstream_runs_running{helper}"] == 0
    assert told["turnstream_runs_total{helper,openai-chat,stop}"] == 1
    assert told["turnstream_run_seconds_sum{helper}"] == 3


def test_the_first_token_and_the_gaps_are_timed_and_tools_are_no_gap() -> None:
    clock = Clock()
    metrics, run = begin(clock)
    for wait, batch in (
        (0.0, events.StepStarted(1)),
        (1.0, events.TextDelta("a")),
        (0.25, events.TextDelta("b")),
        (0.0, events.StepFinished(1, SAID, "tool_calls", usage.Usage(), "m", 2.0)),
        (50.0, events.StepStarted(2)),
        (1.0, events.TextDelta("c")),
        (0.5, events.ReasoningDelta("d")),
    ):
        clock.now += wait
        run.feed([batch])
    told = values(metrics)
    assert told["turnstream_time_to_first_token_seconds_sum{helper}"] == 1.0
    assert told["turnstream_time_to_first_token_seconds_count{helper}"] == 1
    assert told["turnstream_inter_token_seconds_sum{helper}"] == 0.75
    assert told["turnstream_inter_token_seconds_count{helper}"] == 2


def test_a_step_tells_its_tokens_and_its_cost() -> None:
    metrics, run = begin(Clock())
    run.feed([events.StepFinished(1, SAID, "stop", usage.Usage(10, 5, cached=4, reasoning=2, cost=0.25), "m", 2.0)])
    told = values(metrics)
    assert {kind: told[f"turnstream_tokens_total{{helper,{kind},m}}"] for kind in ("input", "output", "cached")} == {
        "input": 10,
        "output": 5,
        "cached": 4,
    }
    assert told["turnstream_cost_dollars_total{helper,m}"] == 0.25
    assert told["turnstream_model_calls_total{helper,stop,m}"] == 1
    assert told["turnstream_model_call_seconds_sum{helper,m}"] == 2.0


def test_tool_calls_are_counted_by_name_and_outcome() -> None:
    metrics, run = begin(Clock())
    run.feed([result("look"), result("look", ok=False), result("made_up", ok=False)])
    told = values(metrics)
    assert told["turnstream_tool_calls_total{helper,ok,look}"] == 1
    assert told["turnstream_tool_calls_total{helper,error,look}"] == 1
    assert told["turnstream_tool_calls_total{helper,error,made_up}"] == 1


def test_names_that_a_model_makes_up_make_no_series_without_end() -> None:
    metrics, run = begin(Clock())
    run.feed([result(f"made_up_{number}", ok=False) for number in range(1000)])
    run.feed([result("look")])
    tools = {key for key in values(metrics) if key.startswith("turnstream_tool_calls_total")}
    assert len(tools) == 52
    assert "turnstream_tool_calls_total{helper,ok,look}" in tools
    assert f"turnstream_tool_calls_total{{helper,error,{OTHER}}}" in tools


def test_failures_of_a_model_are_counted_while_its_run_goes_on() -> None:
    metrics, run = begin(Clock())
    run.feed([events.StepStarted(1)])
    tracing.tell_failure("m", "provider_overloaded", True)
    run.close(DONE)
    tracing.tell_failure("m", "provider_overloaded", True)
    assert values(metrics)["turnstream_upstream_errors_total{helper,provider_overloaded,m,yes}"] == 1


def test_a_label_that_is_long_is_another_one() -> None:
    labels = Labels(2)
    assert [labels.admit(value) for value in ("a", "x" * 101, "b", "c", "a")] == ["a", OTHER, "b", OTHER, "a"]


def test_each_name_begins_with_ours_and_two_servers_share_nothing() -> None:
    one, other = Metrics(), Metrics()
    one.count_refusal(401, "invalid_api_key")
    names = set(re.findall(r"^# HELP (\S+)", one.expose("")[0].decode(), re.MULTILINE))
    assert all(name.startswith("turnstream_") for name in names)
    assert "turnstream_requests_refused_total{invalid_api_key,401}" in values(one)
    assert "turnstream_requests_refused_total{invalid_api_key,401}" not in values(other)


def test_a_scraper_may_ask_for_the_openmetrics_form() -> None:
    body, content_type = Metrics().expose("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
