"""Each example is valid, as `turnstream check` sees it, and its YAML files are valid by the published schema."""

from __future__ import annotations

import asyncio
import json
import os
import re
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
from turnstream.cli import templates
from turnstream.cli.check import report
from turnstream.config import load

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
KEYS = {name: f"a-value-for-a-test-of-{name}" for name in ("OPENAI_API_KEY", "TURNSTREAM_API_KEY", "WEBUI_USER_SECRET")}
AGENTS = [*sorted(EXAMPLES.glob("*.yaml")), EXAMPLES / "open-webui/app/agent.yaml", EXAMPLES / "orchestrate/agent.yaml"]
TARGETS = [*AGENTS, EXAMPLES / "several", f"{EXAMPLES}/python_agent.py:agent"]
OTHERS = {EXAMPLES / "open-webui/compose.yaml", EXAMPLES / "orchestrate/external-agent.yaml"}
"""Files that other programs read: tests/deploy and tests/clients/test_orchestrate_official.py hold them to those."""
OURS = sorted(file for file in EXAMPLES.rglob("*.yaml") if "node_modules" not in file.parts and file not in OTHERS)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target).rpartition("examples/")[2])
async def test_an_example_would_run(target: str | Path) -> None:
    lines = report(load(target, KEYS))
    assert lines[0].startswith("agent ")
    assert lines[-1].startswith("server: ")


@pytest.mark.parametrize("file", OURS, ids=lambda file: str(file.relative_to(EXAMPLES)))
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
    (agent,) = load(example, KEYS).agents.values()
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


def test_the_server_of_notes_is_the_one_that_init_writes() -> None:
    assert (EXAMPLES / "notes_server.py").read_text() == templates.read("mcp")["server.py"]


def test_the_reporter_reports_on_working_days() -> None:
    service = load(EXAMPLES / "reporter.yaml", {})
    moment = next(service.schedules["morning"].after(datetime(2026, 11, 27, 12, tzinfo=UTC)))
    assert moment.isoformat() == "2026-11-30T07:30:00+01:00"
    assert [hook.url for hook in service.webhooks] == ["https://ops.example.com/agents"]


def test_open_webui_and_the_agent_behind_it_share_what_compose_asks_for() -> None:
    services = yaml.safe_load((EXAMPLES / "open-webui/compose.yaml").read_text())["services"]
    ours, theirs = services["turnstream"]["environment"], services["open-webui"]["environment"]
    used = set(re.findall(r"\$\{(\w+)", (EXAMPLES / "open-webui/app/agent.yaml").read_text()))
    assert used <= set(ours)
    assert ours["TURNSTREAM_API_KEY"] == theirs["OPENAI_API_KEY"]
    assert ours["WEBUI_USER_SECRET"] == theirs["FORWARD_USER_INFO_HEADER_JWT_SECRET"]


async def test_the_agent_of_open_webui_tells_the_time() -> None:
    answer = await call(EXAMPLES / "open-webui/app/agent.yaml", "get_time", zone="Europe/Paris")
    assert datetime.strptime(answer, "%A, %d %B %Y, %H:%M").year >= 2026


def test_the_page_on_orchestrate_shows_the_file_that_is_checked() -> None:
    file = (EXAMPLES / "orchestrate/external-agent.yaml").read_text().partition("\n")[2]
    assert f"```yaml\n{file}```" in (ROOT / "docs/orchestrate.md").read_text()


def test_the_chat_in_next_has_the_ai_sdk_that_the_server_is_proved_with() -> None:
    package, proved = (
        json.loads((ROOT / folder / "package.json").read_text())["dependencies"]["ai"]
        for folder in ("examples/nextjs", "tests/clients/node")
    )
    assert package == proved
