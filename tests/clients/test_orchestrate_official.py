"""IBM's own code against our server: its ``validate-external``, and its ADK's discovery of A2A agents. It brings 380 MB
of packages, so it lives in an environment of its own: ``make orchestrate`` makes that and names its interpreter in
ORCHESTRATE_PYTHON."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

PYTHON = os.environ.get("ORCHESTRATE_PYTHON", "")
HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(not PYTHON, reason="ORCHESTRATE_PYTHON names no interpreter: see make orchestrate")


def run(script: str, *arguments: str) -> Any:
    command = [PYTHON, str(HERE / script), *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=110, check=True).stdout)


@pytest.mark.parametrize("scheme", ["API_KEY", "BEARER_TOKEN"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/orchestrate/chat/completions"])
def test_the_official_validator_accepts_the_stream(server: str, scheme: str, path: str) -> None:
    found = run("orchestrate_official.py", server.removesuffix("/v1") + path, "key", scheme)
    assert [one["success"] for one in found] == [True, True], found


def test_the_official_discovery_reads_our_agent_card(server: str) -> None:
    base = server.removesuffix("/v1")
    found = run("orchestrate_discovery.py", base)
    assert found["provider"] == "external_chat/A2A/0.3.0"
    assert found["api_url"].startswith(f"{base}/a2a/")
    assert found["name"] == found["api_url"].rpartition("/")[2]


def test_the_official_import_takes_the_file_of_the_example() -> None:
    found = run("orchestrate_spec.py", str(HERE.parents[1] / "examples/orchestrate/external-agent.yaml"))
    assert (found["kind"], found["provider"], found["auth_scheme"]) == ("external", "external_chat", "BEARER_TOKEN")
    assert found["api_url"].endswith("/orchestrate/chat/completions")
    assert found["chat_params"] == {"stream": True}
