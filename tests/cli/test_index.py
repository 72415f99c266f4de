from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bench.rig.embeddings import serving
from tests.tools.retrieval.folders import write
from turnstream.cli import main
from turnstream.config import load
from turnstream.events import ConfigurationError
from turnstream.tools.retrieval import database


def index(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exited:
        main(["index", *arguments])
    out, err = capsys.readouterr()
    return int(str(exited.value.code)), out, err


def test_it_says_what_it_did_and_what_it_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"a.md": "apples", "b\x1b.txt": b"\0" * 99})
    code, out, err = index(capsys, str(tmp_path))
    assert (code, out) == (0, "files: 1 added, 0 changed, 0 unchanged, 0 removed, 1 skipped; 1 chunks\n")
    assert "skipped b�.txt: it is not text\n" in err
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


def configured(folder: Path, url: str) -> Path:
    file = folder / "agent.yaml"
    tool = {"retrieval": {"source": "docs", "embeddings": {"base_url": url, "model": "m"}}}
    file.write_text(json.dumps({"model": "demo", "tools": [tool]}))
    return file


@pytest.mark.skipif(not database.can_load_vectors(), reason="this Python's SQLite takes no extensions")
async def test_a_configuration_s_folders_get_vectors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"docs/a.md": "apples", "docs/b.md": "pears"})
    async with serving() as server:
        file = configured(tmp_path, server.url)
        code, out, _ = await asyncio.to_thread(index, capsys, str(file))
    assert (code, out.splitlines()[1]) == (0, "vectors: 2 made by m")
    write(tmp_path, {"docs/a.md": "apricots"})
    assert "1 chunks have no vector yet" in index(capsys, str(tmp_path / "docs"))[2]
    (agent,) = load(file).agents.values()
    assert [type(box).__name__ for box in agent.toolboxes] == ["Retrieval"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: demo", "no retrieval tool with a local `source`"),
        ("model: demo\ntools:\n- retrieval: {source: nowhere}", "agent.yaml:3: tools[0]: "),
        (
            "model: demo\ntools:\n- retrieval: {source: ., embeddings: {base_url: x, model: m}}",
            "agent.yaml:3: tools[0]: embeddings.base_url must begin with http:// or https:// and name a host",
        ),
    ],
)
def test_a_configuration_without_a_folder_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (tmp_path / "agent.yaml").write_text(text)
    code, _, err = index(capsys, str(tmp_path / "agent.yaml"))
    assert code == 1
    assert message in err
