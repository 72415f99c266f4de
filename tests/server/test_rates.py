"""Limits as clients meet them: headers, refusals, the queue, budgets that end a run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.agent.scripted import Box, Scripted, calls, echo, says
from tests.server.serving import ASK, STREAM, events, eventually, serving, text
from turnstream.agent import Agent
from turnstream.events import TextDelta
from turnstream.identity import Key
from turnstream.limits import Limits, ServerLimits, ThreadLimits
from turnstream.messages import ToolCall
from turnstream.requests import RunContext
from turnstream.toolspec import ToolOutput

MESSAGES = {"model": "agent", "max_tokens": 100, **ASK}
KEYS = (Key("one", "greedy"), Key("two", "modest"))


def hello() -> Agent:
    return Agent(Scripted(says("hello")))


async def test_openai_s_clients_hear_what_is_left_and_when_to_come_back() -> None:
    async with serving(
        hello(), limits=ServerLimits(each=Limits(requests_per_minute=1, tokens_per_minute=99))
    ) as served:
        status, headers, _ = await served.post(STREAM)
        assert (status, headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == (
            200,
            "1",
            "0",
        )
        assert (headers["x-ratelimit-limit-tokens"], headers["x-ratelimit-remaining-tokens"]) == ("99", "99")
        status, headers, answer = await served.post(ASK)
        assert (status, answer["error"]["type"], answer["error"]["code"]) == (
            429,
            "rate_limit_error",
            "rate_limit_exceeded",
        )
        assert 1 <= int(headers["retry-after"]) <= 120
        assert headers["x-ratelimit-remaining-requests"] == "0"
        assert headers["x-ratelimit-reset-requests"].endswith("s")


async def test_anthropic_s_clients_hear_it_in_anthropic_s_words() -> None:
    async with serving(hello(), limits=ServerLimits(each=Limits(requests_per_minute=1))) as served:
        _, headers, _ = await served.post(MESSAGES, "/v1/messages")
        assert headers["anthropic-ratelimit-requests-limit"] == "1"
        status, headers, answer = await served.post(MESSAGES, "/v1/messages")
        assert (status, answer["error"]["type"]) == (429, "rate_limit_error")
        assert headers["anthropic-ratelimit-requests-remaining"] == "0"
        assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
        assert not any(name.startswith("x-ratelimit") for name in headers)


async def test_tokens_of_an_answer_count_before_the_next_request() -> None:
    async with serving(hello(), limits=ServerLimits(each=Limits(tokens_per_minute=15))) as served:
        assert (await served.post(ASK))[0] == 200
        status, headers, answer = await served.post(ASK)
        assert (status, answer["error"]["message"]) == (429, "Too many tokens in a minute: 15 are allowed.")
        assert headers["x-ratelimit-remaining-tokens"] == "0"


async def test_one_principal_with_many_requests_does_not_starve_another() -> None:
    model = Scripted([[TextDelta("x")], asyncio.Event()])
    quick = Agent(Scripted(says("hello")), name="quick")
    settings = {"keys": KEYS, "max_runs": 2, "limits": ServerLimits(queue=100)}
    async with serving(Agent(model), quick, **settings) as served:
        greedy = [asyncio.create_task(served.post(STREAM, x_api_key="one")) for _ in range(60)]
        await eventually(lambda: model.open == 2 and served.server.state.places.waiting == 58)
        modest = [asyncio.create_task(served.post({**ASK, "model": "quick"}, x_api_key="two")) for _ in range(3)]
        await eventually(lambda: served.server.state.places.waiting == 61)
        served.server.state.runs.cancel(next(iter(served.server.state.runs.live)), KEYS[0].principal)
        assert [(await task)[0] for task in modest] == [200, 200, 200]
        assert model.open <= 2
        for task in greedy:
            task.cancel()
        await eventually(lambda: served.server.state.places.waiting == 0)
        await eventually(lambda: served.server.state.places.in_use == 0)


async def test_a_full_queue_refuses_with_429() -> None:
    model = Scripted([[TextDelta("x")], asyncio.Event()])
    async with serving(Agent(model), max_runs=1, limits=ServerLimits(queue=1)) as served:
        waiting = [asyncio.create_task(served.post(STREAM)) for _ in range(2)]
        await eventually(lambda: model.open == 1 and served.server.state.places.waiting == 1)
        status, headers, answer = await served.post(ASK)
        assert (status, answer["error"]["code"], headers["retry-after"]) == (429, "queue_full", "1")
        for task in waiting:
            task.cancel()
        await eventually(lambda: served.server.state.places.in_use == 0)


async def test_a_run_that_uses_up_the_day_is_incomplete_and_the_next_is_refused(tmp_path: Path) -> None:
    agent = Agent(Scripted(calls(("echo", "{}"), text="Let me look."), says("not reached")), [Box(echo=echo)])
    limits = ServerLimits(each=Limits(tokens_per_day=15))
    async with serving(agent, store=f"sqlite:{tmp_path / 'store.db'}", limits=limits) as served:
        _, _, stream = await served.post(STREAM)
        assert text(stream) == "Let me look."
        assert [e["choices"][0]["finish_reason"] for e in events(stream) if e.get("choices")][-1] == "length"
    async with serving(agent, store=f"sqlite:{tmp_path / 'store.db'}", limits=limits) as served:
        status, headers, answer = await served.post(ASK)
        assert (status, answer["error"]["code"], headers["x-should-retry"]) == (429, "budget_spent", "false")
        assert "the budget of 15 tokens a day is used up; it renews at 20" in answer["error"]["message"].lower()
        assert 1 <= int(headers["retry-after"]) <= 86_400


async def test_a_thread_s_budget_ends_its_runs_as_incomplete_in_responses() -> None:
    agent = Agent(Scripted(calls(("echo", "{}"), text="Let me look."), says("not reached")), [Box(echo=echo)])
    async with serving(agent, limits=ServerLimits(thread=ThreadLimits(tokens=15))) as served:
        status, _, answer = await served.post({"model": "agent", "input": "hi"}, "/v1/responses")
        assert (status, answer["status"], answer["incomplete_details"]) == (
            200,
            "incomplete",
            {"reason": "max_output_tokens"},
        )
        again = {"model": "agent", "input": "hi", "previous_response_id": answer["id"]}
        status, headers, answer = await served.post(again, "/v1/responses")
        assert (status, answer["error"]["code"]) == (429, "budget_spent")
        assert "retry-after" not in headers


async def test_calls_beyond_the_day_s_are_not_made_and_the_run_is_incomplete() -> None:
    made = []

    async def count(call: ToolCall, context: RunContext) -> ToolOutput:
        made.append(call.id)
        return ToolOutput("ok")

    model = Scripted(calls(("count", "{}"), ("count", "{}")), says("done"), calls(("count", "{}"), ("count", "{}")))
    limits = ServerLimits(each=Limits(tool_calls_per_day=3))
    async with serving(Agent(model, [Box(count=count)]), limits=limits) as served:
        reasons = [(await served.post(ASK))[2]["choices"][0]["finish_reason"] for _ in range(2)]
    assert (reasons, len(made)) == (["stop", "length"], 3)
