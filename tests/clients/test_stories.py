"""What each client sees of each story, against a real server process."""

from __future__ import annotations

import pytest

from tests.clients.clients import Client, converse
from tests.clients.job import Call, Job, Outcome
from tests.clients.node_process import NodeProcess
from tests.scripts import GREETING

WEATHER = "Let me look. Paris: sunny; Rome: sunny; Oslo: sunny"
LAYERS = pytest.mark.parametrize("layer", ["", "vendor-"], ids=["scripted", "vendor"])


class Talk:
    """Holds a conversation of one client with an agent of the server."""

    def __init__(self, client: Client, server: str, driver: NodeProcess | None) -> None:
        self.client = client
        self._server = server
        self._driver = driver

    async def __call__(
        self,
        agent: str,
        *,
        tools: bool = False,
        usage: bool = False,
        key: str = "key",
        headers: dict[str, str] | None = None,
    ) -> Outcome:
        job = Job(self.client.name, self._server, agent, "Go.", key, tools, usage, headers or {})
        return await converse(job, self._driver)


@pytest.fixture
def talk(client: Client, server: str, driver: NodeProcess | None) -> Talk:
    return Talk(client, server, driver)


def usual(outcome: Outcome) -> tuple[str | None, str | None, list[str], object]:
    return outcome.finish, outcome.role, outcome.problems, outcome.error


USUAL: tuple[str | None, str | None, list[str], object] = ("stop", "assistant", [], None)


@LAYERS
async def test_text_arrives_whole(talk: Talk, layer: str) -> None:
    outcome = await talk(f"{layer}plain")
    assert outcome.text == GREETING
    assert usual(outcome) == USUAL
    assert outcome.calls == []


@LAYERS
async def test_usage_arrives_if_it_is_asked_for(talk: Talk, layer: str) -> None:
    asked = await talk(f"{layer}plain", usage=True)
    unasked = await talk(f"{layer}plain")
    assert asked.usage == (11, 7)
    assert (unasked.usage == (11, 7)) == talk.client.usage_unasked


@LAYERS
async def test_reasoning_is_shown_to_clients_that_know_it(talk: Talk, layer: str) -> None:
    outcome = await talk(f"{layer}reasoning")
    assert outcome.text == "It is 4."
    assert outcome.reasoning == ("Two and two are four." if talk.client.reasoning else "")
    assert usual(outcome) == USUAL


@LAYERS
async def test_tools_of_the_server_run_in_two_rounds(talk: Talk, layer: str) -> None:
    outcome = await talk(f"{layer}two-rounds", usage=True)
    assert outcome == Outcome(text=WEATHER, finish="stop", role="assistant", usage=(33, 21))


async def test_statuses_in_the_shape_of_the_wire_models_harm_only_the_clients_that_the_table_names(talk: Talk) -> None:
    outcome = await talk("two-rounds", headers={"X-Agent-Status": "metadata"}, usage=True)
    unharmed = Outcome(text=WEATHER, finish="stop", role="assistant", usage=(33, 21))
    assert (outcome == unharmed) == talk.client.metadata


@LAYERS
async def test_a_tool_of_the_client_is_run_by_it(talk: Talk, layer: str) -> None:
    outcome = await talk(f"{layer}client-tool", tools=True)
    assert outcome.text == "It is noon in Paris."
    assert outcome.calls == [Call("local_time", {"city": "Paris"})]
    assert usual(outcome) == USUAL


@LAYERS
async def test_two_tools_of_the_client_are_run_at_once(talk: Talk, layer: str) -> None:
    outcome = await talk(f"{layer}client-tools", tools=True)
    assert outcome.text == "noon in Paris; noon in Oslo"
    assert outcome.calls == [Call("local_time", {"city": "Paris"}), Call("local_time", {"city": "Oslo"})]
    assert usual(outcome) == USUAL


@LAYERS
async def test_a_tool_of_the_server_and_one_of_the_client_are_run_at_once(talk: Talk, layer: str) -> None:
    outcome = await talk(f"{layer}mixed", tools=True)
    assert outcome.text.endswith("noon in Paris")
    assert outcome.calls == [Call("local_time", {"city": "Paris"})]
    assert usual(outcome) == USUAL


@LAYERS
async def test_a_vendor_that_fails_at_once_is_an_error_with_its_status(talk: Talk, layer: str) -> None:
    outcome = await talk(f"{layer}broken-start")
    assert outcome.error is not None
    assert outcome.error.status == 502
    assert "secret-4711" not in outcome.error.message


@LAYERS
async def test_a_vendor_that_fails_in_mid_stream_is_an_error(talk: Talk, layer: str) -> None:
    outcome = await talk(f"{layer}broken-middle")
    assert outcome.error is not None
    assert outcome.error.status in ((None, 500) if talk.client.streams else (502,))
    assert "secret-4711" not in outcome.error.message


@pytest.mark.parametrize(("agent", "key", "status"), [("nobody", "key", 404), ("plain", "wrong", 401)])
async def test_a_request_that_is_refused_is_an_error_with_its_status(
    talk: Talk, agent: str, key: str, status: int
) -> None:
    outcome = await talk(agent, key=key)
    assert outcome.error is not None
    assert outcome.error.status == status
