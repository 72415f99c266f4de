from __future__ import annotations

from pathlib import Path

import pytest

from turnstream.config import environment, load
from turnstream.errors import ConfigurationError


def test_a_file_beside_the_configuration_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# keys\nA=1\nexport B='two words'\nC=${A}x\nD\n")
    found = environment.read(tmp_path / "agent.yaml", {"A": "mine"})
    assert {name: found.get(name) for name in "ABCD"} == {"A": "mine", "B": "two words", "C": "1x", "D": None}


def test_a_folder_of_agents_has_it_inside_or_beside_it(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / ".env").write_text("A=beside\nB=beside\n")
    (tmp_path / "agents" / ".env").write_text("A=inside\n")
    found = environment.read(tmp_path / "agents", {})
    assert (found["A"], found["B"]) == ("inside", "beside")


def test_a_line_without_a_name_is_an_error_without_its_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n= sk-secret\n")
    with pytest.raises(ConfigurationError) as caught:
        environment.read(tmp_path / "agent.yaml", {})
    assert caught.value.message == f"{tmp_path}/.env:2: expected NAME=value"


def test_what_is_exported_is_what_was_not_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nB=2\n")
    environ = {"A": "mine"}
    environment.export(tmp_path / "agent.yaml", environ)
    assert environ == {"A": "mine", "B": "2"}


async def test_a_configuration_is_read_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_MODEL", raising=False)
    (tmp_path / ".env").write_text("SOME_MODEL=demo\n")
    (tmp_path / "agent.yaml").write_text("model: ${SOME_MODEL}\n")
    (agent,) = load(tmp_path / "agent.yaml").agents.values()
    assert agent.model.name == "demo"
    with pytest.raises(ConfigurationError, match="SOME_MODEL is not set"):
        load(tmp_path / "agent.yaml", {})
