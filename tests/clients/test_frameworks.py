"""Agent frameworks, as their users write them, over chat completions and Responses, streamed and whole: tools that the
server runs in several steps, tools that the framework runs, both at once, and a vendor that fails in the middle.

They bring 350 MB of packages, so they live in environments of their own: ``make clients`` makes these and names the
interpreter of Python's in FRAMEWORKS_PYTHON. Each language is one process, which does all of its jobs.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

PYTHON = os.environ.get("FRAMEWORKS_PYTHON", "")
HERE = Path(__file__).parent / "frameworks"
pytestmark = pytest.mark.skipif(not PYTHON, reason="FRAMEWORKS_PYTHON names no interpreter: see make clients")

OF_PYTHON = ("openai_agents", "langgraph", "strands", "agno", "pydantic_ai")
OF_NODE = ("ai-sdk-7", "ai-sdk-6", "openai-agents-js", "openai-node")
AGENTS = ("two-rounds", "client-tools", "mixed", "reasoning", "broken-middle")
Job = tuple[str, str, bool, str]
Outcomes = dict[Job, dict[str, Any]]


def jobs_of(frameworks: tuple[str, ...]) -> list[Job]:
    return list(itertools.product(frameworks, ("chat", "responses"), (False, True), AGENTS))


def run(command: list[str], frameworks: tuple[str, ...], server: str) -> Outcomes:
    jobs = jobs_of(frameworks)
    names = ("framework", "api", "stream", "model")
    orders = [
        {**dict(zip(names, job, strict=True)), "base_url": server, "tools": job[3] in ("client-tools", "mixed")}
        for job in jobs
    ]
    done = subprocess.run(
        command, cwd=HERE, input=json.dumps(orders), capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(jobs, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.fixture(scope="module")
def outcomes(server: str) -> Outcomes:
    node = shutil.which("node")
    assert node, "Node.js is not installed"
    return run([PYTHON, "-W", "ignore", "run.py"], OF_PYTHON, server) | run([node, "run.mjs"], OF_NODE, server)


every_way = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
both_apis = pytest.mark.parametrize("api", ["chat", "responses"])
every_framework = pytest.mark.parametrize("framework", [*OF_PYTHON, *OF_NODE])


@every_way
@both_apis
@every_framework
def test_tools_of_the_server_in_several_steps_are_one_answer(
    outcomes: Outcomes, framework: str, api: str, stream: bool
) -> None:
    outcome = outcomes[framework, api, stream, "two-rounds"]
    assert (outcome["error"], outcome["calls"]) == (None, [])
    # Some show the last message alone, which begins after the last tool.
    assert outcome["text"].removeprefix("Let me look. ") == "Paris: sunny; Rome: sunny; Oslo: sunny"


@every_way
@both_apis
@every_framework
def test_two_calls_of_the_framework_at_once_are_both_executed(
    outcomes: Outcomes, framework: str, api: str, stream: bool
) -> None:
    outcome = outcomes[framework, api, stream, "client-tools"]
    assert (outcome["error"], sorted(outcome["calls"])) == (None, ["Oslo", "Paris"])
    assert outcome["text"].removeprefix("One moment.") == "noon in Paris; noon in Oslo"


@every_way
@both_apis
@every_framework
def test_beside_a_tool_of_the_server_the_framework_executes_its_own_alone(
    outcomes: Outcomes, framework: str, api: str, stream: bool
) -> None:
    outcome = outcomes[framework, api, stream, "mixed"]
    assert (outcome["error"], outcome["calls"]) == (None, ["Paris"])
    # Where a framework sends our call back with its result, the model sees that too.
    assert sorted(outcome["text"].split("; ")) in (["noon in Paris"], ["Rome: sunny", "noon in Paris"])


@every_way
@both_apis
@every_framework
def test_reasoning_is_no_part_of_the_answer(outcomes: Outcomes, framework: str, api: str, stream: bool) -> None:
    assert outcomes[framework, api, stream, "reasoning"] == {"text": "It is 4.", "calls": [], "error": None}


@every_way
@both_apis
@every_framework
def test_a_vendor_that_fails_in_the_middle_is_an_error_and_not_half_an_answer(
    outcomes: Outcomes, framework: str, api: str, stream: bool
) -> None:
    outcome = outcomes[framework, api, stream, "broken-middle"]
    assert outcome["text"] == ""
    assert "The model's vendor failed." in outcome["error"]
