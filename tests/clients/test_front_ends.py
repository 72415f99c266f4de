"""Protocols for front ends, each through its official client: the AI SDK's chat, and AG-UI's verifying HTTP agent."""

from __future__ import annotations

import pytest

from tests.clients.clients import FRONT_ENDS, converse
from tests.clients.job import Call, Job, Outcome, Shown
from tests.clients.node_process import NodeProcess
from tests.scripts import GREETING

RUN = ["starting_generation"] + 2 * ["tool_call_detected", "tools_executed", "continuing_generation"]


class Talk:
    """Holds a conversation of one front end with an agent of the server."""

    def __init__(self, name: str, server: str, node: NodeProcess) -> None:
        self.name, self._server, self._node = name, server, node

    async def __call__(self, agent: str, *, tools: bool = False, key: str = "key", leave: bool = False) -> Outcome:
        job = Job(self.name, self._server, agent, "Go.", key, tools, leave=leave)
        return await converse(job, self._node)


@pytest.fixture(params=FRONT_ENDS)
def talk(request: pytest.FixtureRequest, server: str, node: NodeProcess) -> Talk:
    return Talk(request.param, server, node)


async def test_text_and_usage_arrive(talk: Talk) -> None:
    outcome = await talk("plain")
    assert outcome.text == GREETING
    assert (outcome.usage, outcome.error) == ((11, 7), None)
    assert outcome.finish == ("stop" if talk.name == "ai-sdk chat" else "success")


async def test_reasoning_is_shown_beside_the_answer(talk: Talk) -> None:
    outcome = await talk("reasoning")
    assert (outcome.text, outcome.reasoning) == ("It is 4.", "Two and two are four.")


@pytest.mark.parametrize("agent", ["two-rounds", "vendor-two-rounds"])
async def test_tools_of_the_server_are_shown_with_their_results(talk: Talk, agent: str) -> None:
    outcome = await talk(agent)
    assert outcome.text == "Let me look. Paris: sunny; Rome: sunny; Oslo: sunny"
    assert outcome.calls == []
    assert outcome.shown == [Shown("weather", {"city": c}, f"{c}: sunny") for c in ("Paris", "Rome", "Oslo")]
    assert outcome.statuses == RUN


@pytest.mark.parametrize("agent", ["client-tools", "vendor-client-tools"])
async def test_tools_of_the_client_are_run_by_it(talk: Talk, agent: str) -> None:
    outcome = await talk(agent, tools=True)
    assert outcome.text == "One moment.noon in Paris; noon in Oslo"
    assert outcome.calls == [Call("local_time", {"city": "Paris"}), Call("local_time", {"city": "Oslo"})]
    assert outcome.error is None


@pytest.mark.parametrize("agent", ["mixed", "vendor-mixed"])
async def test_a_tool_of_the_server_and_one_of_the_client_are_run_at_once(talk: Talk, agent: str) -> None:
    outcome = await talk(agent, tools=True)
    assert "noon in Paris" in outcome.text
    assert outcome.calls == [Call("local_time", {"city": "Paris"})]
    assert Shown("weather", {"city": "Rome"}, "Rome: sunny") in outcome.shown
    assert outcome.error is None


@pytest.mark.parametrize("agent", ["broken-start", "broken-middle", "nobody"])
async def test_a_failure_is_an_error_of_the_front_end(talk: Talk, agent: str) -> None:
    outcome = await talk(agent)
    assert outcome.error is not None
    assert outcome.error.message
    assert "secret-4711" not in outcome.error.message


async def test_a_wrong_key_is_an_error_of_the_front_end(talk: Talk) -> None:
    assert (await talk("plain", key="wrong")).error is not None


async def test_a_front_end_that_stops_ends_the_run(talk: Talk, server: str) -> None:
    await talk("lingering", leave=True)
    witness = await converse(Job("openai-python whole", server, "departed"), None)
    assert witness.text == "one left"
