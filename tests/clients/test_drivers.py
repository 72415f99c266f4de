"""The drivers and the stand-in vendor prove one another: each client holds its conversations with the vendor itself."""

from __future__ import annotations

import pytest

from tests.clients.clients import CLIENTS, Client, converse
from tests.clients.job import Call, Job, Outcome
from tests.clients.node_process import NodeProcess
from tests.scripts import GREETING
from tests.upstream import Upstream

NOON = "noon in Paris; noon in Oslo"


@pytest.fixture(params=[client for client in CLIENTS if client.streams], ids=lambda client: client.name)
def client(request: pytest.FixtureRequest) -> Client:
    client: Client = request.param
    return client


class Talk:
    """Holds a conversation of one client with the vendor."""

    def __init__(self, client: Client, vendor: Upstream, driver: NodeProcess | None) -> None:
        self.client = client
        self.vendor = vendor
        self._driver = driver

    async def __call__(
        self, model: str, *, tools: bool = False, usage: bool = False, headers: dict[str, str] | None = None
    ) -> Outcome:
        vendor = self.vendor
        return await converse(
            Job(self.client.name, vendor.url, model, "Go.", vendor.key, tools, usage, headers or {}), self._driver
        )


@pytest.fixture
def talk(client: Client, vendor: Upstream, driver: NodeProcess | None) -> Talk:
    return Talk(client, vendor, driver)


async def test_text_finish_role_and_usage_are_read(talk: Talk) -> None:
    outcome = await talk("plain", usage=True)
    assert outcome == Outcome(text=GREETING, finish="stop", role="assistant", usage=(11, 7))


async def test_parallel_calls_are_run_and_answered(talk: Talk) -> None:
    outcome = await talk("client-tools", tools=True)
    assert (outcome.text, outcome.finish, outcome.problems, outcome.error) == (NOON, "stop", [], None)
    assert outcome.calls == [Call("local_time", {"city": "Paris"}), Call("local_time", {"city": "Oslo"})]


async def test_reasoning_is_seen_or_dropped(talk: Talk) -> None:
    outcome = await talk("reasoning")
    assert outcome.text == "It is 4."
    assert outcome.reasoning == ("Two and two are four." if talk.client.reasoning else "")


async def test_a_failure_before_the_first_byte_has_its_status(talk: Talk) -> None:
    outcome = await talk("broken-start")
    assert outcome.error is not None
    assert outcome.error.status == 500


async def test_a_failure_in_mid_stream_has_no_status(talk: Talk) -> None:
    outcome = await talk("broken-middle")
    assert outcome.error is not None
    assert "The oracle is out" in outcome.error.message


async def test_the_headers_of_a_job_are_sent(talk: Talk) -> None:
    await talk("plain", headers={"X-Agent-Status": "metadata"})
    assert talk.vendor.headers[-1]["X-Agent-Status"] == "metadata"
