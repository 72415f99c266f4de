"""IBM's real ``validate-external`` code against our server. It brings 360 MB of packages, so it lives in an environment
of its own: ``make orchestrate`` makes that and names its interpreter in ORCHESTRATE_PYTHON."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

PYTHON = os.environ.get("ORCHESTRATE_PYTHON")
SCRIPT = Path(__file__).with_name("orchestrate_official.py")


@pytest.mark.skipif(not PYTHON, reason="ORCHESTRATE_PYTHON names no interpreter: see make orchestrate")
@pytest.mark.parametrize("scheme", ["API_KEY", "BEARER_TOKEN"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/orchestrate/chat/completions"])
def test_the_official_validator_accepts_the_stream(server: str, scheme: str, path: str) -> None:
    assert PYTHON
    url = server.removesuffix("/v1") + path
    done = subprocess.run([PYTHON, SCRIPT, url, "key", scheme], capture_output=True, text=True, timeout=110, check=True)
    found = json.loads(done.stdout)
    assert [one["success"] for one in found] == [True, True], found
