from __future__ import annotations

from pathlib import Path

import pytest

from turnstream.cli import main


def check(target: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as exited:
        main(["check", target])
    out, err = capsys.readouterr()
    return int(str(exited.value.code)), out + err


def test_it_reports_what_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check("tests/cli/agents.py:agents", capsys)
    assert code == 0
    assert said.splitlines() == [
        "agent doubler",
        "  model         scripted",
        "  tool          double: Twice a number.",
        "  instructions  9 characters",
        "  limits        10 steps, 600 s a run",
        "agent other",
        "  model         scripted",
        "  limits        10 steps, 600 s a run",
        "server: 127.0.0.1:8000, no API key, statuses extension",
    ]


def test_a_file_named_alone_means_its_agent(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check("tests/cli/agents.py", capsys)
    assert code == 0
    assert said.startswith("agent doubler\n")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("tests/cli/agents.py:agnet", "tests/cli/agents.py has no 'agnet' (did you mean 'agent'?)"),
        ("tests/cli/agents.py:double", "expected an Agent, a list of agents, or a Service"),
        ("no_such_module:agent", "there is no module 'no_such_module'"),
    ],
)
def test_a_wrong_object_is_a_failure(target: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(target, capsys) == (1, f"turnstream: {target}: {message}\n")


def test_two_agents_of_one_name_are_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "twice_named.py").write_text(
        "from tests.cli.agents import agent\nfrom turnstream import Agent\n"
        "agents = [agent, Agent(agent.model, name=agent.name)]\n"
    )
    code, said = check(f"{tmp_path}/twice_named.py:agents", capsys)
    assert code == 1
    assert said.endswith("two of the agents have the same name\n")


def test_an_empty_folder_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check(str(tmp_path), capsys)
    assert code == 1
    assert "the folder has no agent" in said
