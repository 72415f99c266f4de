"""What was said is in no span, no metric and no line of the log, whatever protocol it came by."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.server.serving import Served, eventually, serving
from tests.server.test_guardrails import WIRES
from turnstream import Agent, errors, identity
from turnstream.guardrails import patterns
from turnstream.guardrails.agent import Guardrails
from turnstream.guardrails.matching import PatternRule
from turnstream.guardrails.review import AskingRule
from turnstream.telemetry.traces import Traces
from turnstream.testing.models import ScriptedModel, Step, call

CANARY = "canary7f3a"
KEY = "a-key-of-alice-1"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def look(key: str) -> str:
    """Look it up."""
    if key.startswith("broken"):
        raise errors.ToolError(f"there is no {key}")
    return f"found {key}"


STEPS: list[Step] = [
    [f"I look for {CANARY}.", call("look", {"key": CANARY}), call("look", {"key": f"broken {CANARY}"})],
    f"It is {CANARY}.",
]


@pytest.mark.parametrize("wire", WIRES)
async def test_nothing_that_was_said_is_seen_by_the_operator(wire: str, caplog: pytest.LogCaptureFixture) -> None:
    path, body, headers = WIRES[wire]
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    names |= {"authorization": f"Bearer {KEY}", "traceparent": PARENT}
    agent = Agent(ScriptedModel(STEPS), [look], f"Never say {CANARY}.", name="agent")
    keys = (identity.Key(KEY, "alice"),)
    with caplog.at_level(logging.DEBUG, "turnstream"):
        async with serving(agent, keys=keys, metrics=True, watches=(Traces(provider).watch,)) as served:
            asked = json.loads(json.dumps(body).replace('"hi"', f'"{CANARY}"'))
            async with served.client.post(served.url + path, json=asked, headers=names) as response:
                assert CANARY in await response.text()
            async with served.client.post(served.url + path, json=asked, headers={"x-api-key": CANARY}) as response:
                assert response.status == 401
            _, _, metrics = await served.get("/metrics", authorization=f"Bearer {KEY}")
    spans = exporter.get_finished_spans()
    lines = [record for record in caplog.records if record.name.startswith("turnstream")]
    seen = " ".join([*(span.to_json() for span in spans), *(f"{line.getMessage()} {line.__dict__}" for line in lines)])
    assert len(spans) >= 6
    assert "turnstream_runs_total" in metrics
    assert CANARY not in seen + metrics
    assert KEY not in seen + metrics
    assert f"trace {PARENT[3:35]}" in seen
    assert "for alice" in seen


@pytest.mark.parametrize("wire", WIRES)
async def test_nothing_that_waits_for_a_person_is_seen_by_the_operator(
    wire: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A request and an answer that guardrails hold, arguments of a call, a key that does not fit, words of a no."""
    path, body, headers = WIRES[wire]
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    names = {name.replace("_", "-"): value for name, value in headers.items()} | {"authorization": f"Bearer {KEY}"}
    found = AskingRule(PatternRule("canaries", patterns.find_words([CANARY]), None))
    guardrails = Guardrails(input_asking=[found], output_asking=[found])
    agent = Agent(ScriptedModel(STEPS), [look], name="agent", guardrails=guardrails)
    asked = json.loads(json.dumps(body).replace('"hi"', f'"{CANARY}"'))
    seen = ""
    with caplog.at_level(logging.DEBUG, "turnstream"):
        async with serving(agent, keys=(identity.Key(KEY, "alice"),), watches=(Traces(provider).watch,)) as served:
            await served.get("/metrics", authorization=f"Bearer {KEY}")
            async with served.client.post(served.url + path, json=asked, headers=names) as response:
                await response.read()
            for action in ("approve", "deny"):  # the request, the first step
                async with asyncio.timeout(10):
                    while not (questions := await open_questions(served)):
                        pass
                answer = {"action": action, "reason": CANARY} if action == "deny" else {"action": action}
                code = questions[0]["code"]
                assert (await served.post(answer, f"/v1/approvals/{code}", authorization=f"Bearer {KEY}"))[0] == 200
            await eventually(lambda: "content_filter" in caplog.text or len(exporter.get_finished_spans()) > 5)
            seen += (await served.get("/metrics", authorization=f"Bearer {KEY}"))[2]
    lines = [record for record in caplog.records if record.name.startswith("turnstream")]
    spans = exporter.get_finished_spans()
    seen += " ".join([*(span.to_json() for span in spans), *(f"{line.getMessage()} {line.__dict__}" for line in lines)])
    assert "the guardrail canaries holds the answer" in seen
    assert "turnstream_runs_total" in seen
    assert CANARY not in seen
    assert KEY not in seen


async def open_questions(served: Served) -> list[dict[str, str]]:
    questions: list[dict[str, str]] = (await served.get("/v1/approvals", authorization=f"Bearer {KEY}"))[2]["data"]
    return questions


@pytest.mark.parametrize("wire", WIRES)
async def test_the_trace_of_a_request_is_that_of_its_run_in_every_protocol(wire: str) -> None:
    path, body, headers = WIRES[wire]
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    names = {name.replace("_", "-"): value for name, value in headers.items()} | {"traceparent": PARENT}
    agent = Agent(ScriptedModel(["Hello."]), name="agent")
    async with (
        serving(agent, watches=(Traces(provider).watch,)) as served,
        served.client.post(served.url + path, json=body, headers=names) as response,
    ):
        await response.read()
    assert {format(span.context.trace_id, "032x") for span in exporter.get_finished_spans()} == {PARENT[3:35]}
