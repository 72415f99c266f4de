"""Other people's conformance suites against a running server: ``make conformance``, ``make conformance SUITES=PATH``.

What runs them is shared with the project and not part of it (``../shared/conformance``); a suite that exists only as a
repository is looked for in ``SUITES``. What is missing is skipped with a sentence. The expected share is written here.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "conformance"
HERE = SHARED if SHARED.is_dir() else ROOT
OWN = sys.executable
# An interpreter that has what the suites need: requirements/conformance.txt, and for the A2A TCK its own packages.
THEIRS = os.environ.get("CONFORMANCE_PYTHON", OWN)


class Suite(NamedTuple):
    """``command`` has {url}, {port}, {suites}; its output must match ``expected``. ``needs`` is a folder of SUITES."""

    name: str
    agents: str
    command: tuple[str, ...]
    expected: str
    needs: str = ""
    seconds: int = 180


OPENAPI = (
    "import json, sys, urllib.request, openapi_spec_validator as v;"
    "d = json.load(urllib.request.urlopen(sys.argv[1] + '/openapi.json'));"
    "v.validate(d); print(len(d['paths']), 'paths, valid')"
)
JSON_SUITE = "{suites}/JSONTestSuite/test_parsing"
SCRIPTED, DEMO = "agents.py:service", "name: assistant\nmodel: demo\non_disconnect: go_on\n"
SUITES = (
    Suite("Open Responses", SCRIPTED, (THEIRS, "open_responses.py", "{url}/v1"), r"^0 failed$"),
    Suite("AG-UI's types", SCRIPTED, (THEIRS, "ag_ui_schema.py", "{url}"), r"\b0 failed"),
    Suite("OpenAPI document", DEMO, (THEIRS, "-c", OPENAPI, "{url}"), r"paths, valid$"),
    Suite("WPT event streams", "", (OWN, "sse_wpt.py"), r"^30 cases, 0 failed$"),
    Suite("JSON arguments", "", (OWN, "json_arguments.py", JSON_SUITE), r"\b0 bad", "JSONTestSuite"),
    Suite(
        "A2A TCK, both versions",
        DEMO,
        ("bash", "a2a_tck.sh", "{suites}/a2a-tck", THEIRS, "{port}", "assistant"),
        r"(7\d) passed[\s\S]*(8[3-9]|9\d) passed",
        "a2a-tck",
        900,
    ),
)


@contextmanager
def serving(agents: str, folder: Path) -> Iterator[int]:
    """A server of these agents on a port of its own: a name in the shared folder, or the text of a configuration."""
    if not agents:
        yield 0
        return
    target = str(SHARED / agents)
    if agents.startswith("name:"):
        (folder / "agent.yaml").write_text(agents)
        target = str(folder / "agent.yaml")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [OWN, "-m", "turnstream", "serve", target, "--port", str(port)]
    server = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HERE)
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def run(suite: Suite, suites: str, folder: Path) -> str:
    """What came of it, in a word or two."""
    if suite.command[1] != "-c" and not (SHARED / suite.command[1]).exists():
        return f"skipped: {SHARED / suite.command[1]} is not there"
    if suite.needs and not (suites and (Path(suites) / suite.needs).exists()):
        return f"skipped: needs {suite.needs} in SUITES=PATH"
    with serving(suite.agents, folder) as port:
        values = {"url": f"http://127.0.0.1:{port}", "port": port, "suites": suites}
        command = [part.format(**values) for part in suite.command]
        environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "AS_SHIPPED": "1"}
        done = subprocess.run(
            command, cwd=HERE, env=environ, capture_output=True, text=True, timeout=suite.seconds, check=False
        )
    if "ModuleNotFoundError" in done.stderr or "No module named" in done.stderr:
        return f"skipped: {done.stderr.strip().splitlines()[-1]} (CONFORMANCE_PYTHON names an interpreter that has it)"
    if re.search(suite.expected, done.stdout, re.MULTILINE):
        return "as expected"
    return f"NOT as expected:\n{done.stdout[-2000:]}{done.stderr[-1000:]}"


def main(suites: str = "") -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for suite in SUITES:
            outcome = run(suite, suites, Path(folder))
            failed += outcome.startswith("NOT")
            print(f"{suite.name}: {outcome}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
