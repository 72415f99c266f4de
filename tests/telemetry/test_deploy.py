"""The dashboard and the alert rules name metrics and labels that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from turnstream import events, messages, protocols, toolspec, tracing, usage
from turnstream.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "turnstream.json"
ADDED_BY_PROMETHEUS = {"instance", "job", "le"}


def known() -> dict[str, set[str]]:
    """Every series that a server can show, with its labels."""
    metrics = Metrics()
    metrics.count_refusal(401, "invalid_api_key")
    metrics.breakers.labels("m").set(1)
    run = metrics.watch(protocols.RunInfo("r", "a", kept=True, attempt=2))
    message = messages.AssistantMessage(())
    output = toolspec.ToolOutput("x")
    run.feed([events.StepFinished(1, message, "stop", usage.Usage(1, 1, cost=1.0), "m", 1.0)])
    run.feed([events.ToolResult(1, messages.ToolCall("c", "t", "{}"), output, 1.0)])
    tracing.tell_failure("m", "provider_overloaded", True)
    run.feed([events.TextDelta("a")])
    run.feed([events.TextDelta("b")])
    run.close(events.RunCancelled(usage.Usage()))
    series: dict[str, set[str]] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    return series


def expressions() -> list[str]:
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    return [*(rule["expr"] for rule in rules), *asked]


def labels(expression: str) -> set[str]:
    grouped = [name for group in re.findall(r"by \(([^)]*)\)", expression) for name in re.split(r",\s*", group)]
    matched = [
        name for group in re.findall(r"\{([^}]*)\}", expression) for name in re.findall(r"(\w+)\s*(?:=|!)", group)
    ]
    return {*grouped, *matched}


def test_every_expression_names_series_and_labels_that_there_are() -> None:
    series = known()
    named = [(expression, re.findall(r"turnstream_\w+", expression)) for expression in expressions()]
    for expression, names in named:
        for name in names:
            assert name in series, name
        allowed = set().union(ADDED_BY_PROMETHEUS, *(series[name] for name in names))
        assert labels(expression) <= allowed, expression
    assert sum(bool(names) for _, names in named) > 20


def test_every_metric_of_ours_is_in_the_documentation_and_the_dashboard() -> None:
    page, dashboard = (ROOT / "docs" / "telemetry.md").read_text(), DASHBOARD.read_text()
    for name in {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in known()}:
        if not name.startswith("turnstream_process_"):
            assert name in page
            assert name in dashboard


def test_a_legend_names_labels_of_its_expression() -> None:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels(target["expr"])


def test_prometheus_reads_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    done = subprocess.run([promtool, "check", "rules", ALERTS], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    assert f"{len(rules)} rules found" in done.stdout


def test_prometheus_reads_what_a_server_shows() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    metrics = Metrics()
    metrics.watch(protocols.RunInfo("r", "a")).close(events.RunCancelled(usage.Usage()))
    body, _ = metrics.expose("")
    done = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
