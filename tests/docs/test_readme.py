"""The README's examples, run as they stand there against its own server; only the port is the system's choice."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_serve import running
from tests.docs import picture
from turnstream.api.sse_models import AgentStatus
from turnstream.config.load import load
from turnstream.events import ToolResult

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def block(language: str, words: str) -> str:
    """The one block of that language that has these words."""
    [found] = [text for text in re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S) if words in text]
    return str(found)


def ran(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = f"sqlite:{tmp_path_factory.mktemp('store')}/store.db"
    with running("serve", "examples/agent.yaml", "--port", "0", store=store) as (_, url):
        yield url.removeprefix("http://")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_example_streams_an_answer_that_uses_a_tool(address: str) -> None:
    command = block("sh", "curl").replace("127.0.0.1:8000", address)
    output = ran(["sh", "-c", command])
    assert '"status":"tool_call_detected"' in output
    assert "Paris" in output
    assert output.endswith("data: [DONE]\n\n")


def test_the_openai_sdk_example_prints_statuses_and_the_answer(address: str) -> None:
    output = ran([sys.executable, "-c", block("python", "from openai").replace("127.0.0.1:8000", address)])
    assert "· tool_call_detected" in output
    assert "84" in output


def test_the_agent_in_python_answers() -> None:
    output = ran([sys.executable, "-c", block("python", "from turnstream import")])
    assert "ToolResult" in output
    assert "42" in output
    assert "RunFinished" in output


async def test_the_agent_in_yaml_works_as_pasted(tmp_path: Path) -> None:
    for file, language in (("tools.py", "python"), ("agent.yaml", "yaml")):
        (tmp_path / file).write_text(block(language, f"# {file}"))
    agent = load(tmp_path / "agent.yaml", {"OLLAMA_HOST": "127.0.0.1:9"}).agents["helper"]
    async with agent, agent.run("What is the weather in Paris?") as run:
        results = [event async for event in run if isinstance(event, ToolResult)]
    assert [result.output.shown_text for result in results] == ["It is sunny in Paris."]


def test_the_picture_shows_what_is_shown_today() -> None:
    drawn, kept = (
        re.sub(r"\(\d+\.\d&#160;s\)", "", text)
        for text in (picture.draw(), (ROOT / "docs" / "images" / "chat.svg").read_text("utf-8"))
    )
    assert drawn == kept, "run: python -m tests.docs.picture > docs/images/chat.svg"


def test_the_table_of_statuses_has_every_status() -> None:
    named = re.findall(r"^\| `(\w+)` \|", README, re.M)
    assert sorted(named) == sorted(status.value for status in AgentStatus)


def test_every_page_that_the_readme_names_exists() -> None:
    for page in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / page).exists(), page
