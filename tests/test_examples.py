"""Each example is valid, as `turnstream check` sees it, and its YAML files are valid by the published schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

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
