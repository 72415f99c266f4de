"""Each example is valid, as `turnstream check` sees it, and its YAML files are valid by the published schema."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.cli.test_serve import running
from turnstream import messages, requests
from turnstream.cli.check import report
from turnstream.config import load

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
KEYS = {"OPENAI_API_KEY": "sk-for-a-test"}
TARGETS = [*sorted(EXAMPLES.glob("*.yaml")), EXAMPLES / "several", f"{EXAMPLES}/python_agent.py:agent"]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target).rpartition("examples/")[2])
async def test_an_example_would_run(target: str | Path) -> None:
    lines = report(load(target, KEYS))
    assert lines[0].startswith("agent ")
    assert lines[-1].startswith("server: 127.0.0.1:8000")


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_an_example_names_the_schema_and_fits_it(file: Path) -> None:
    text = file.read_text("utf-8")
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    schema = json.loads((file.parent / named).read_text("utf-8"))
    jsonschema.validate(yaml.safe_load(text), schema)


async def test_the_example_agent_answers_with_its_tools_and_no_key() -> None:
    from turnstream.events import RunFinished, ToolsExecuted

    (agent,) = load(EXAMPLES / "agent.yaml", {}).agents.values()
    async with agent.run("What is 12*7?") as run:
        events = [event async for event in run]
    assert isinstance(run.outcome, RunFinished)
    assert any(isinstance(event, ToolsExecuted) for event in events)
    assert "84" in str(run.messages[-1])


@pytest.mark.timeout(90)
def test_the_client_with_a_tool_of_its_own_gets_its_answer() -> None:
    with running("serve", "examples/agent.yaml", "--port", "0") as (_, address):
        done = subprocess.run(
            [sys.executable, "examples/client_tools.py"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=ROOT,
            env={**os.environ, "TURNSTREAM_URL": f"{address}/v1"},
        )
    assert "[read_file ran here" in done.stdout
    assert "[build-system]" in done.stdout


async def call(example: Path, name: str, **arguments: object) -> str:
    """What the tool of the example gives whose name begins so."""
    (agent,) = load(example, {}).agents.values()
    context = requests.RunContext()
    async with agent:
        for toolbox in agent.toolboxes:
            for spec in await toolbox.tools(context):
                if spec.name.startswith(name):
                    made = messages.ToolCall("c1", spec.name, json.dumps(arguments))
                    return str((await toolbox.call(made, context)).content)
    raise AssertionError(f"{example} has no tool {name}")


def test_the_handbook_is_found_by_its_agent(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "handbook", tmp_path, dirs_exist_ok=True)
    command = [sys.executable, "-m", "turnstream", "index", "docs"]
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=tmp_path)
    assert "30 days" in asyncio.run(call(tmp_path / "agent.yaml", "search", query="How many days of holidays?"))


async def test_the_notes_are_kept_by_a_real_server_of_mcp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # its `python`
    assert await call(EXAMPLES / "notes.yaml", "notes_add_note", text="milk") == "note 1 is kept"


def test_the_reporter_reports_on_working_days() -> None:
    service = load(EXAMPLES / "reporter.yaml", {})
    moment = next(service.schedules["morning"].after(datetime(2026, 11, 27, 12, tzinfo=UTC)))
    assert moment.isoformat() == "2026-11-30T07:30:00+01:00"
    assert [hook.url for hook in service.webhooks] == ["https://ops.example.com/agents"]
