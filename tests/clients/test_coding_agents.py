"""Coding agents, unmodified and without questions: they talk to the server, and run their own shell because it says so.

They are programs of 780 MB, so they live in a folder of their own: ``make coding-agents`` fills it and sets
CODING_AGENTS.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "coding" / "node_modules" / ".bin"
pytestmark = pytest.mark.skipif(not os.environ.get("CODING_AGENTS"), reason="needs programs: see make coding-agents")

GO = "Do it."


def run(command: list[str], home: Path) -> list[dict[str, Any]]:
    """The events that the program prints; it works in an empty folder."""
    work = home / "work"
    work.mkdir(exist_ok=True)
    environment = os.environ | {"HOME": str(home), "CODEX_HOME": str(home), "PWD": str(work), "KEY": "key"}
    done = subprocess.run(
        command,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def codex(server: str, home: Path, agent: str) -> list[str]:
    """What Codex shows as the agent's words."""
    provider = f'{{name="ts",base_url="{server}",wire_api="responses",env_key="KEY"}}'
    settings = ["-c", "model_provider=ts", "-c", f"model_providers.ts={provider}", "-m", agent]
    command = [str(PROGRAMS / "codex"), "exec", "--json", "--skip-git-repo-check"]
    events = run([*command, "--dangerously-bypass-approvals-and-sandbox", *settings, GO], home)
    assert events[-1]["type"] == "turn.completed", events
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    return [item["text"] for item in items if item["type"] == "agent_message"]


def opencode(server: str, home: Path, agent: str, package: str) -> list[str]:
    """What opencode shows as the agent's words. ``package`` is how it talks to the server."""
    provider = {"npm": package, "options": {"baseURL": server, "apiKey": "key"}, "models": {agent: {"tool_call": True}}}
    model = f"ts/{agent}"
    settings = {"autoupdate": False, "share": "disabled", "model": model, "small_model": model}
    (home / "work").mkdir(exist_ok=True)
    (home / "work" / "opencode.json").write_text(json.dumps({**settings, "provider": {"ts": provider}}))
    events = run([str(PROGRAMS / "opencode"), "run", "--format", "json", "-m", model, GO], home)
    return [event["part"]["text"] for event in events if event["type"] == "text"]


def test_codex_shows_one_answer_where_the_server_runs_the_tools(server: str, tmp_path: Path) -> None:
    assert codex(server, tmp_path, "two-rounds") == ["Let me look. ", "Paris: sunny; Rome: sunny; Oslo: sunny"]


def test_codex_runs_its_own_shell(server: str, tmp_path: Path) -> None:
    (said,) = codex(server, tmp_path, "shell")
    assert "was-here" in said
    assert (tmp_path / "work" / "made.txt").read_text() == "was-here\n"


@pytest.mark.parametrize("package", ["@ai-sdk/openai-compatible", "@ai-sdk/openai"])
def test_opencode_runs_its_own_shell(server: str, tmp_path: Path, package: str) -> None:
    said = opencode(server, tmp_path, "shell", package)
    assert "was-here" in said[-1]
    assert (tmp_path / "work" / "made.txt").read_text() == "was-here\n"


def test_opencode_shows_one_answer_where_the_server_runs_the_tools(server: str, tmp_path: Path) -> None:
    said = opencode(server, tmp_path, "two-rounds", "@ai-sdk/openai-compatible")
    assert said == ["Let me look. Paris: sunny; Rome: sunny; Oslo: sunny"]
