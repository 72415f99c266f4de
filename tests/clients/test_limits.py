"""A run at its limit of steps, with every client: with a last answer, and without one."""

from __future__ import annotations

import pytest

from tests.clients import a2a_python, raw
from tests.clients.clients import CLIENTS, FRONT_ENDS, VENDOR_CLIENTS, Client, converse
from tests.clients.job import Job
from tests.clients.node_process import NodeProcess

STOPPED = "The agent reached its limit of steps."
IN_WORDS = pytest.mark.parametrize(("agent", "text"), [("endless", "Enough."), ("stopping", STOPPED)])
IN_A_STATUS = pytest.mark.parametrize(("agent", "text"), [("endless", "Enough."), ("stopping", "")])
ALL_FIVE = {
    "starting_generation",
    "tool_call_detected",
    "tools_executed",
    "continuing_generation",
    "max_depth_reached",
}


@pytest.fixture(params=(*CLIENTS, *VENDOR_CLIENTS), ids=lambda client: client.name)
def client(request: pytest.FixtureRequest) -> Client:
    client: Client = request.param
    return client


@IN_WORDS
async def test_a_limit_is_no_error(
    client: Client, server: str, driver: NodeProcess | None, agent: str, text: str
) -> None:
    outcome = await converse(Job(client.name, server, agent), driver)
    assert (outcome.text, outcome.calls, outcome.problems, outcome.error) == (text, [], [], None)
    assert outcome.finish in ("stop", "end_turn", "completed")


@IN_A_STATUS
@pytest.mark.parametrize("name", FRONT_ENDS)
async def test_front_ends_are_shown_every_status(
    name: str, server: str, node: NodeProcess, agent: str, text: str
) -> None:
    outcome = await converse(Job(name, server, agent), node)
    assert (outcome.text, outcome.problems, outcome.error) == (text, [], None)
    assert set(outcome.statuses) == ALL_FIVE
    assert outcome.shown[0].result == "Paris: sunny"


@IN_WORDS
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_task_completes_and_tells_every_status(version: str, server: str, agent: str, text: str) -> None:
    outcome = await a2a_python.run(Job(f"a2a-sdk {version} stream", server, agent))
    assert (outcome.text, outcome.finish, outcome.error) == (text, "TASK_STATE_COMPLETED", None)
    assert set(outcome.statuses) == ALL_FIVE


@IN_WORDS
async def test_orchestrate_is_told_in_words(server: str, agent: str, text: str) -> None:
    url = server.removesuffix("/v1") + "/orchestrate/chat/completions"
    answer = await raw.post(url, {"model": agent, "messages": [{"role": "user", "content": "Go."}], "stream": True})
    assert answer.text == text
    assert answer.chunks[-1]["choices"][0]["finish_reason"] == "stop"
