"""A request that is sent again with its Idempotency-Key starts nothing: kept or not, on every wire."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import ASK, STREAM, Served, events, serving, text, until
from tests.server.test_kept_runs import ALICE, BOB, KEYS, slow
from tests.server.test_stores import setting
from tests.stores import Place
from turnstream import Agent

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": ASK,
    "/v1/messages": {"model": "a", "max_tokens": 100, **ASK},
    "/v1/responses": {"model": "a", "input": "hi"},
    "/v1/runs": {"input": "hi"},
}


@pytest.mark.parametrize("path", BODIES)
async def test_the_same_request_twice_is_one_run_with_one_answer(place: Place, path: str) -> None:
    """Row 14."""
    model = Scripted(says("one"), says("two"))
    async with serving(Agent(model, name="a"), store=setting(place)) as served:
        answers = [await served.post(BODIES[path], path, idempotency_key="k") for _ in range(2)]
        other = await served.post(BODIES[path], path, idempotency_key="other")
    assert [status for status, _, _ in answers] == [200, 200]
    assert answers[0][2] == answers[1][2] != other[2]
    assert len(model.requests) == 2


async def test_who_repeats_a_broken_request_is_shown_the_run_of_the_first(place: Place) -> None:
    gate, model = asyncio.Event(), None
    model = slow(gate, "a", "b")
    async with serving(Agent(model, name="a"), store=setting(place)) as served:
        headers = {"idempotency-key": "k"}
        async with served.client.post(
            f"{served.url}/v1/chat/completions", data=json.dumps(STREAM), headers=headers
        ) as response:
            await until(response.content, b'"a"')
        gate.set()
        status, _, stream = await served.post(STREAM, idempotency_key="k")
    assert (status, text(stream), len(model.requests)) == (200, "ab", 1)
    assert events(stream)[-1]["choices"][0]["finish_reason"] == "stop"


async def test_leaving_ends_the_run_of_a_key_where_the_request_says_so(place: Place) -> None:
    model = slow(asyncio.Event(), "a", "b")
    async with serving(Agent(model, name="a"), store=setting(place)) as served:
        headers = {"idempotency-key": "k", "x-on-disconnect": "cancel"}
        async with served.client.post(
            f"{served.url}/v1/chat/completions", data=json.dumps(STREAM), headers=headers
        ) as response:
            await until(response.content, b'"a"')
            run_id = response.headers["x-run-id"]
        await served.get(f"/v1/runs/{run_id}/events")
        assert (await served.get(f"/v1/runs/{run_id}"))[2]["status"] == "cancelled"


async def test_another_request_under_a_used_key_is_refused(place: Place) -> None:
    async with serving(Agent(Scripted(says("ok")), name="a"), store=setting(place)) as served:
        await served.post({"input": "one"}, "/v1/runs", idempotency_key="k")
        for body, path in (({"input": "two"}, "/v1/runs"), (ASK, "/v1/chat/completions")):
            status, _, refused = await served.post(body, path, idempotency_key="k")
            assert (status, refused["error"]["code"]) == (422, "idempotency_key_reused")


async def test_a_key_is_its_principals_own(place: Place) -> None:
    model = Scripted(says("ok"))
    async with serving(Agent(model, name="a"), store=setting(place), keys=KEYS) as served:
        for who in (ALICE, BOB):
            assert (await served.post(ASK, idempotency_key="k", **who))[0] == 200
    assert len(model.requests) == 2


@pytest.mark.parametrize("store", ["memory", "none"])
async def test_where_no_run_is_kept_the_second_request_is_told_why(store: str) -> None:
    async def ask(served: Served) -> tuple[int, Any]:
        status, _, answer = await served.post(ASK, idempotency_key="k")
        return status, answer.get("error", {}).get("code")

    model = Scripted(says("ok"))
    async with serving(Agent(model, name="a"), store=store) as served:
        assert [await ask(served) for _ in range(2)] == [(200, None), (409, "idempotency_key_used")]
    gate = asyncio.Event()
    async with serving(Agent(slow(gate, "a", "b"), name="a"), store=store) as served:
        first = asyncio.create_task(ask(served))
        async with asyncio.timeout(10):
            while not served.server.state.runs.live:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert await ask(served) == (409, "idempotency_key_in_use")
        gate.set()
        assert await first == (200, None)


async def test_a_key_whose_run_failed_may_be_used_again() -> None:
    model = Scripted([RuntimeError("broken")], says("ok"))
    async with serving(Agent(model, name="a"), store="memory") as served:
        answers = [(await served.post(ASK, idempotency_key="k"))[0] for _ in range(2)]
    assert answers == [500, 200]


async def test_nothing_is_kept_of_a_request_that_forbids_it(place: Place) -> None:
    async with serving(Agent(Scripted(says("ok")), name="a"), store=setting(place)) as served:
        body = {"model": "a", "input": "hi", "store": False}
        status, headers, _ = await served.post(body, "/v1/responses", idempotency_key="k")
        assert (status, (await served.get(f"/v1/runs/{headers['x-run-id']}"))[0]) == (200, 404)
        assert (await served.post(body, "/v1/responses", idempotency_key="k"))[0] == 409
