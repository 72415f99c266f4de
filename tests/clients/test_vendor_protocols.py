"""The protocols of model vendors besides chat completions, each through its vendor's own client: Anthropic's Messages
and OpenAI's Responses."""

from __future__ import annotations

import pytest

from tests.clients.clients import VENDOR_CLIENTS, Client, converse
from tests.clients.job import Call, Job, Outcome, Shown
from tests.clients.node_process import NodeProcess
from tests.scripts import GREETING

ENDS = {"anthropic": "end_turn", "openai": "completed"}


@pytest.fixture(params=VENDOR_CLIENTS, ids=lambda client: client.name)
def client(request: pytest.FixtureRequest) -> Client:
    client: Client = request.param
    return client


class Talk:
    """Holds a conversation of one client with an agent of the server."""

    def __init__(self, client: Client, server: str, driver: NodeProcess | None) -> None:
        self.client, self._server, self._driver = client, server, driver

    async def __call__(self, agent: str, *, tools: bool = False, key: str = "key") -> Outcome:
        job = Job(self.client.name, self._server, agent, "Go.", key, tools)
        return await converse(job, self._driver)

    @property
    def ends(self) -> str:
        return ENDS[self.client.name.partition("-")[0]]


@pytest.fixture
def talk(client: Client, server: str, driver: NodeProcess | None) -> Talk:
    return Talk(client, server, driver)


async def test_text_and_usage_arrive(talk: Talk) -> None:
    outcome = await talk("plain")
    assert (outcome.text, outcome.finish, outcome.usage, outcome.error) == (GREETING, talk.ends, (11, 7), None)


async def test_reasoning_is_shown_beside_the_answer(talk: Talk) -> None:
    outcome = await talk("reasoning")
    assert (outcome.text, outcome.reasoning) == ("It is 4.", "Two and two are four.")


@pytest.mark.parametrize("agent", ["two-rounds", "vendor-two-rounds"])
async def test_tools_of_the_server_are_shown_with_their_results(talk: Talk, agent: str) -> None:
    outcome = await talk(agent)
    assert outcome.text == "Let me look. Paris: sunny; Rome: sunny; Oslo: sunny"
    assert outcome.calls == []
    shown = [Shown("weather", {"city": c}, f"{c}: sunny") for c in ("Paris", "Rome", "Oslo")]
    assert outcome.shown == (shown if talk.client.shows_tools else [])


@pytest.mark.parametrize("agent", ["client-tools", "vendor-client-tools"])
async def test_tools_of_the_client_are_run_by_it(talk: Talk, agent: str) -> None:
    outcome = await talk(agent, tools=True)
    assert (outcome.text, outcome.finish) == ("noon in Paris; noon in Oslo", talk.ends)
    assert outcome.calls == [Call("local_time", {"city": "Paris"}), Call("local_time", {"city": "Oslo"})]


@pytest.mark.parametrize("agent", ["mixed", "vendor-mixed"])
async def test_a_tool_of_the_server_and_one_of_the_client_are_run_at_once(talk: Talk, agent: str) -> None:
    outcome = await talk(agent, tools=True)
    assert "noon in Paris" in outcome.text
    assert outcome.calls == [Call("local_time", {"city": "Paris"})]
    assert outcome.shown == ([Shown("weather", {"city": "Rome"}, "Rome: sunny")] if talk.client.shows_tools else [])


async def test_a_limit_of_steps_ends_with_an_answer(talk: Talk) -> None:
    outcome = await talk("endless")
    assert (outcome.text, outcome.finish, outcome.calls) == ("Enough.", talk.ends, [])


@pytest.mark.parametrize(("agent", "key", "status"), [("nobody", "key", 404), ("plain", "wrong", 401)])
async def test_a_request_that_is_refused_is_an_error_of_the_client(
    talk: Talk, agent: str, key: str, status: int
) -> None:
    outcome = await talk(agent, key=key)
    assert outcome.error is not None
    assert outcome.error.status == status


@pytest.mark.parametrize("agent", ["broken-start", "broken-middle"])
async def test_a_failure_is_an_error_of_the_client(talk: Talk, agent: str) -> None:
    outcome = await talk(agent)
    assert outcome.error is not None
    assert "secret-4711" not in outcome.error.message
    if agent == "broken-start" or not talk.client.streams:
        assert outcome.error.status == 502
