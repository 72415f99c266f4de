"""What stands in deploy/: that it is well formed, and that its parts agree with each other and with the program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.telemetry.test_deploy import known
from turnstream import __version__
from turnstream.config import load

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
ENVIRON = {"TURNSTREAM_API_KEY": "a-key-of-the-tests", "MODEL": "demo"}


def documents(path: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((DEPLOY / path).read_text()) if document]


def deployment() -> dict[str, Any]:
    [found] = [document for document in documents("kubernetes/turnstream.yaml") if document["kind"] == "Deployment"]
    return found


def agent_files() -> list[str]:
    [config] = [document for document in documents("kubernetes/turnstream.yaml") if document["kind"] == "ConfigMap"]
    values = documents("helm/turnstream/values.yaml")[0]
    return [
        config["data"]["agent.yaml"],
        values["files"]["agent.yaml"],
        (DEPLOY / "compose/app/agent.yaml").read_text(),
    ]


@pytest.mark.parametrize("text", agent_files())
def test_the_example_agents_are_valid_and_ask_for_a_key(text: str, tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(text)
    service = load(tmp_path / "agent.yaml", ENVIRON)
    assert len(service.settings.keys) == 1


def test_a_pod_is_given_longer_than_it_takes_to_drain() -> None:
    pod = deployment()["spec"]["template"]["spec"]
    [container] = pod["containers"]
    waits = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    values = documents("helm/turnstream/values.yaml")[0]
    grace = 30
    assert pod["terminationGracePeriodSeconds"] >= waits + grace + 10
    assert values["terminationGracePeriod"] >= values["preStop"] + grace + 10


def test_the_probes_ask_for_paths_that_the_server_has() -> None:
    [container] = deployment()["spec"]["template"]["spec"]["containers"]
    paths = {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert paths == {"/healthz", "/readyz"}
    chart = (DEPLOY / "helm/turnstream/templates/deployment.yaml").read_text()
    assert set(re.findall(r"path: (/\w+z),", chart)) == paths


def test_versions_are_the_programs() -> None:
    chart = documents("helm/turnstream/Chart.yaml")[0]
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
    [container] = deployment()["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"turnstream:{__version__}"


def test_the_chart_writes_what_the_plain_files_say() -> None:
    kinds = {document["kind"] for document in documents("kubernetes/turnstream.yaml")}
    templates = "".join(path.read_text() for path in (DEPLOY / "helm/turnstream/templates").iterdir())
    assert kinds <= set(re.findall(r"^kind: (\w+)$", templates, re.MULTILINE))


def test_every_value_that_the_chart_uses_is_there() -> None:
    values = documents("helm/turnstream/values.yaml")[0]
    templates = "".join(path.read_text() for path in (DEPLOY / "helm/turnstream/templates").iterdir())
    for dotted in set(re.findall(r"\.Values\.([\w.]+)", templates)):
        found: Any = values
        for name in dotted.split("."):
            assert name in found, dotted
            found = found[name]


def test_the_autoscaler_asks_for_a_metric_that_the_server_has_and_serves_there() -> None:
    values = documents("helm/turnstream/values.yaml")[0]
    assert values["autoscaling"]["metric"] in known()
    for text in agent_files()[:2]:
        assert yaml.safe_load(text)["server"]["metrics_port"] == values["metricsPort"]


def test_the_image_runs_as_nobody_in_particular_and_checks_its_health() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^USER \d+$", text, re.MULTILINE)
    assert "turnstream health" in text
    assert "--require-hashes" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "turnstream.service"
    text = (DEPLOY / "turnstream.service").read_text()
    unit.write_text(text.replace("/opt/turnstream/bin/turnstream", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    assert "turnstream.service" not in done.stderr, done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed")
def test_helm_takes_the_chart() -> None:
    for command in (["lint"], ["template", "demo"]):
        subprocess.run(["helm", *command, DEPLOY / "helm/turnstream"], check=True, capture_output=True, timeout=60)
