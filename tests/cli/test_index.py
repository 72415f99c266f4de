from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.retrieval.folders import write
from turnstream.cli import main
from turnstream.config import load
from turnstream.events import ConfigurationError


def index(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exited:
        main(["index", *arguments])
    out, err = capsys.readouterr()
    return int(str(exited.value.code)), out, err


def test_it_says_what_it_did_and_what_it_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"a.md": "apples", "b\x1b.txt": b"\0" * 99})
    code, out, err = index(capsys, str(tmp_path))
    assert (code, out) == (0, "files: 1 added, 0 changed, 0 unchanged, 0 removed, 1 skipped; 1 chunks\n")
    assert "skipped b�.txt: it is no text\n" in err
    assert "\x1b.txt" not in err


def test_quiet_says_only_what_was_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"a.md": "apples"})
    assert index(capsys, "--quiet", "--to", str(tmp_path / "x.db"), str(tmp_path)) == (0, "", "")
    assert (tmp_path / "x.db").is_file()


def test_a_folder_that_is_not_there_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = index(capsys, str(tmp_path / "nowhere"))
    assert (code, err.strip()) == (1, f"turnstream: {tmp_path}/nowhere: there is no such folder")


def test_an_indexed_folder_is_a_tool_of_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"docs/a.md": "apples", "agent.yaml": "model: demo\ntools: [{retrieval: {source: docs}}]"})
    with pytest.raises(ConfigurationError, match=r"agent.yaml:2: tools\[0\]: the folder .* run 'turnstream index "):
        load(tmp_path / "agent.yaml")
    index(capsys, str(tmp_path / "docs"))
    (agent,) = load(tmp_path / "agent.yaml").agents.values()
    assert [type(box).__name__ for box in agent.toolboxes] == ["Retrieval"]
