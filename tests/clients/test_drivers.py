"""The drivers and the stand-in vendor prove one another: each client holds its conversations with the vendor itself."""

from __future__ import annotations

from tests import upstream
from tests.clients.clients import Client, converse
from tests.clients.job import Call, Job, Outcome
from tests.clients.node_process import NodeProcess
from tests.scripts import GREETING, SCRIPTS

NOON = "noon in Paris; noon in Oslo"


async def ask(
    client: Client, node: NodeProcess | None, model: str, *, tools: bool = False, usage: bool = False
) -> Outcome:
    async with upstream.serve(SCRIPTS) as vendor:
        job = Job(client.name, vendor.url, model, api_key=vendor.key, tools=tools, usage=usage)
        return await converse(job, node)


async def test_text_is_read(client: Client, driver: NodeProcess | None) -> None:
    outcome = await ask(client, driver, "plain", usage=True)
    assert outcome == Outcome(text=GREETING, finish="stop", role="assistant", usage=(11, 7))


async def test_parallel_calls_are_run_and_answered(client: Client, driver: NodeProcess | None) -> None:
    outcome = await ask(client, driver, "client-tools", tools=True)
    assert (outcome.text, outcome.finish, outcome.problems, outcome.error) == (NOON, "stop", [], None)
    assert outcome.calls == [Call("local_time", {"city": "Paris"}), Call("local_time", {"city": "Oslo"})]


async def test_reasoning_is_seen_or_dropped(client: Client, driver: NodeProcess | None) -> None:
    outcome = await ask(client, driver, "reasoning")
    assert outcome.text == "It is 4."
    assert outcome.reasoning == ("Two and two are four." if client.reasoning else "")


async def test_a_failure_before_the_first_byte_has_its_status(client: Client, driver: NodeProcess | None) -> None:
    outcome = await ask(client, driver, "broken-start")
    assert outcome.error is not None
    assert outcome.error.status == 500


async def test_a_failure_in_mid_stream_has_no_status(client: Client, driver: NodeProcess | None) -> None:
    outcome = await ask(client, driver, "broken-middle")
    assert outcome.error is not None
    assert "The oracle is out" in outcome.error.message


async def test_headers_are_sent(client: Client, driver: NodeProcess | None) -> None:
    async with upstream.serve(SCRIPTS) as vendor:
        job = Job(client.name, vendor.url, "plain", api_key=vendor.key, headers={"X-Agent-Status": "metadata"})
        await converse(job, driver)
    assert [headers["X-Agent-Status"] for headers in vendor.headers] == ["metadata"]
