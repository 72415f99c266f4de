"""Guardrails over every dialect: what they keep back is in nothing that a client is sent, and a stop has the wire's own
word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.server.serving import Served, serving
from tests.server.test_stores import setting
from tests.stores import Place
from turnstream import Agent, messages, protocols, tool
from turnstream.guardrails import patterns
from turnstream.guardrails.agent import Guardrails
from turnstream.guardrails.matching import PatternRule
from turnstream.testing.models import ScriptedModel, Step, call

KEY = "sk-proj-abcdefghijklmnopqrstuvwx"
MASK = PatternRule("secrets", patterns.find_secrets(), "[#]")
STOP = PatternRule("secrets", patterns.find_secrets(), None)

HI = {"role": "user", "content": "hi"}
PARTS = [{"kind": "text", "text": "hi"}]
MESSAGE = {"messageId": "m1", "role": "user", "parts": PARTS}
WIRES: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "chat": ("/v1/chat/completions", {"messages": [HI]}, {}),
    "orchestrate": ("/v1/chat/completions", {"messages": [HI], "stream": True}, {"X_IBM_THREAD_ID": "t1"}),
    "responses": ("/v1/responses", {"model": "agent", "input": "hi"}, {}),
    "anthropic": ("/v1/messages", {"model": "agent", "max_tokens": 99, "messages": [HI]}, {}),
    "ag_ui": ("/ag-ui/agent", {"threadId": "t", "runId": "r", "messages": [{"id": "1", **HI}]}, {}),
    "vercel": (
        "/vercel/agent",
        {"messages": [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "hi"}]}]},
        {},
    ),
    "a2a": ("/a2a/agent", {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": MESSAGE}}, {}),
}
WORDS = {
    "chat": '"finish_reason":"content_filter"',
    "orchestrate": '"finish_reason":"content_filter"',
    "responses": '"reason":"content_filter"',
    "anthropic": '"stop_reason":"refusal"',
    "vercel": '"finishReason":"content-filter"',
    "a2a": "A content filter ended the answer.",
    "ag_ui": "A content filter ended the answer.",
}


@tool
def look(key: str) -> str:
    """Look it up."""
    return f"found {key}"


async def ask(served: Served, wire: str, stream: bool) -> tuple[int, str]:
    path, body, headers = WIRES[wire]
    if stream and "jsonrpc" in body:
        body = {**body, "method": "message/stream"}
    elif stream:
        body = {**body, "stream": True}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with served.client.post(served.url + path, json=body, headers=names) as response:
        return response.status, await response.text()


def agent(guardrails: Guardrails, *steps: Step) -> Agent:
    return Agent(ScriptedModel(steps, repeat=True), [look], name="agent", guardrails=guardrails)


@pytest.fixture
async def masked() -> AsyncIterator[Served]:
    steps: list[Step] = [[f"Let me look for {KEY}.", call("look", {"key": KEY})], f"It is {KEY}"]
    answering = Agent(ScriptedModel(steps), [look], name="agent", guardrails=Guardrails(output_rules=[MASK]))
    async with serving(answering) as served:
        yield served


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("wire", WIRES)
async def test_what_is_masked_is_in_no_byte_of_any_wire(wire: str, stream: bool, masked: Served) -> None:
    status, answer = await ask(masked, wire, stream)
    assert status == 200
    assert "sk-" not in answer
    assert "[#]" in answer


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("wire", WIRES)
async def test_a_stop_shows_nothing_of_what_it_found_and_has_the_wires_own_word(wire: str, stream: bool) -> None:
    async with serving(agent(Guardrails(output_rules=[STOP]), f"The key is {KEY}, keep it")) as served:
        status, answer = await ask(served, wire, stream)
    assert status == 200
    assert "sk-" not in answer
    assert "keep it" not in answer
    assert WORDS[wire] in answer


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire != "a2a"])
async def test_a_refused_request_is_the_clients_fault_before_any_byte(wire: str) -> None:
    rule = PatternRule("words", patterns.find_words(["hi"]), None)
    async with serving(agent(Guardrails(input_rules=[rule]), "never")) as served:
        status, answer = await ask(served, wire, True)
    assert status == 400
    assert "refused by a guardrail" in answer


async def test_a_thread_keeps_the_request_as_it_was_let_in_and_the_answer_as_it_was_shown() -> None:
    answering = agent(Guardrails(input_rules=[MASK], output_rules=[MASK]), f"So {KEY} is yours.")
    async with serving(answering) as served:
        first = await served.post({"model": "agent", "input": f"I have {KEY}", "store": True}, "/v1/responses")
        answering.guardrails = None
        again = {"model": "agent", "input": "again", "previous_response_id": first[2]["id"]}
        await served.post(again, "/v1/responses")
    assert isinstance(answering.model, ScriptedModel)
    asked, answered, _ = answering.model.requests[-1].messages
    assert asked == messages.UserMessage("I have [#]")
    assert answered == messages.AssistantMessage((messages.TextPart("So [#] is yours."),))


async def test_a_kept_run_is_stored_as_it_was_let_in_and_shown(place: Place) -> None:
    answering = agent(Guardrails(input_rules=[MASK], output_rules=[MASK]), f"So {KEY} is yours.")
    async with serving(answering, store=setting(place)) as served:
        body = {"input": f"I have {KEY}", "background": True, "thread": "t"}
        _, _, run = await served.post(body, "/v1/runs")
        _, _, told = await served.get(f"/v1/runs/{run['id']}/events")
    assert "sk-" not in told
    assert "[#]" in told
    async with place.open() as store:
        key = protocols.ThreadKey("anonymous", "agent", "t")
        assert KEY not in repr(await store.threads.read(key))
        assert len(await store.threads.read(key)) == 2


async def test_a_kept_run_that_a_guardrail_stops_ends_with_what_was_shown(place: Place) -> None:
    answering = agent(Guardrails(output_rules=[STOP]), f"The key is {KEY}, keep it")
    async with serving(answering, store=setting(place)) as served:
        _, _, run = await served.post({"input": "hi", "background": True}, "/v1/runs")
        _, _, told = await served.get(f"/v1/runs/{run['id']}/events")
    assert "sk-" not in told
    assert '"reason":"content_filter"' in told


async def test_a_kept_run_that_a_guardrail_refuses_is_never_stored(place: Place) -> None:
    rule = PatternRule("words", patterns.find_words(["hi"]), None)
    async with serving(agent(Guardrails(input_rules=[rule]), "never"), store=setting(place)) as served:
        status, _, answer = await served.post({"input": "hi", "background": True}, "/v1/runs")
        _, _, runs = await served.get("/v1/runs")
    assert (status, answer["error"]["code"]) == (400, "content_filter")
    assert runs["data"] == []
