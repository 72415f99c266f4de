from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnstream.cli import main, templates


def turnstream(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", "turnstream", *words, cwd=cwd)


def python(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """As in a terminal where this environment is activated: ``python`` is this one."""
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=90)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("template", templates.NAMES)
def test_what_init_makes_is_a_good_agent_and_its_test_passes(tmp_path: Path, template: str) -> None:
    done = turnstream("init", "mine", "--template", template, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "mine"
    assert {".env", ".gitignore", "agent.yaml", "test_agent.py"} <= {file.name for file in folder.iterdir()}
    if template == "retrieval":
        assert turnstream("index", "docs", cwd=folder).returncode == 0
    checked = turnstream("check", cwd=folder)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr
    tested = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_agent.py", cwd=folder)
    assert "1 passed" in tested.stdout, tested.stdout


def test_nothing_that_is_there_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_text("KEY=1")
    with pytest.raises(SystemExit):
        main(["init", str(tmp_path)])
    assert f"{tmp_path}/.env already exists; nothing was written" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == [".env"]
