"""Public reports about vendors, rebuilt as cases, against a server and a stand-in for each vendor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus import CORPUS

CASES = CORPUS.parent / "cases"
SOURCE = Path(__file__).resolve().parents[2] / "src"

# case -> why it need not pass
EXCEPTIONS: dict[str, str] = {}


def failed(folder: Path, *options: str) -> dict[str, list[str]]:
    """The cases that did not pass, with what did not hold."""
    report = folder / "report.json"
    program = folder / "turnstream"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m turnstream "$@"\n')
    program.chmod(0o755)
    command = [sys.executable, str(CASES / "run_providers.py"), str(program), "--json", str(report), *options]
    subprocess.run(command, check=False, capture_output=True, timeout=240, env=os.environ | {"PYTHONPATH": str(SOURCE)})
    return {name: problems for name, problems in json.loads(report.read_text()).items() if problems}


@pytest.mark.timeout(500)
@pytest.mark.skipif(not CASES.is_dir(), reason="the vendor cases are not in this checkout's ../shared/cases")
def test_every_case_passes_but_those_that_need_not(tmp_path: Path) -> None:
    found = failed(tmp_path)
    for name in found.keys() - EXCEPTIONS.keys():  # some measure seconds: once more, alone, on a machine that is busy
        if not failed(tmp_path, "--only", name):
            del found[name]
    assert found.keys() <= EXCEPTIONS.keys(), found
