from __future__ import annotations

import os
import subprocess
import sys

import pytest

from turnstream import __version__
from turnstream.cli import COMMANDS, main

HELP_CPU_SECONDS = 0.5
NAMES = list(COMMANDS)


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    out, err = capsys.readouterr()
    assert isinstance(exited.value.code, int)
    return exited.value.code, out, err


def help_cpu_seconds() -> float:
    before = os.times()
    subprocess.run([sys.executable, "-m", "turnstream", "--help"], capture_output=True, check=True, timeout=60)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def test_help_is_quick() -> None:
    """CPU time, the best of a few: a busy machine makes the others slow."""
    best = min(help_cpu_seconds() for _ in range(3))
    if best >= HELP_CPU_SECONDS:
        best = min(help_cpu_seconds() for _ in range(10))
    assert best < HELP_CPU_SECONDS


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, turnstream.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert not set(out.split()) & {"pydantic", "aiohttp", "fastapi", "uvicorn", "yaml", "rich"}


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "turnstream", "version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"turnstream {__version__}\n"


@pytest.mark.parametrize("command", NAMES)
def test_each_command_explains_itself_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(command, "--help", capsys=capsys)
    assert code == 0
    assert f"Example: turnstream {command}" in out


@pytest.mark.parametrize("command", NAMES)
def test_the_summary_of_each_command_is_short_enough_to_be_shown_whole(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run("--help", capsys=capsys)
    line = next(line for line in out.splitlines() if line.strip().startswith(f"{command} "))
    assert line.endswith(".")
    assert not line.endswith("...")


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys=capsys)
    assert code == 2
    assert "turnstream dev" in out + err


@pytest.mark.parametrize(
    "words", [["serv"], ["serve", "--prot", "1"], ["decode"], ["serve", "--port", "many"], ["serve", "--port", "70000"]]
)
def test_a_wrong_command_line_is_a_usage_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(*words, capsys=capsys)
    assert code == 2
    assert "Error: " in err
    assert "Traceback" not in err


def test_a_failure_is_a_sentence_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run("check", "nowhere.yaml", capsys=capsys)
    assert (code, out) == (1, "")
    assert err == "turnstream: nowhere.yaml: not a file, a folder or a module:object reference\n"


def test_debug_shows_the_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "turnstream", "check", "nowhere.yaml", "--debug"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
