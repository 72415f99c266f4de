"""Our own spans, held against the SDK's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider, sampling
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.telemetry.test_traces import LOOKS, PARENT, helper, tree
from turnstream import errors, requests, tracing
from turnstream.agent import Agent
from turnstream.messages import UserMessage
from turnstream.runs.supervisor import Supervisor, new_id
from turnstream.telemetry import spans
from turnstream.telemetry.traces import SCHEMA, Traces
from turnstream.testing.models import ScriptedModel, call


class Watchful(SpanProcessor):
    """Sees spans as they begin, so that the SDK makes them."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        pass


def provider(*processors: SpanProcessor, **more: Any) -> tuple[TracerProvider, InMemorySpanExporter]:
    made, exporter = TracerProvider(**more), InMemorySpanExporter()
    for processor in (SimpleSpanProcessor(exporter), *processors):
        made.add_span_processor(processor)
    return made, exporter


async def run(made: TracerProvider, agent: Agent, headers: dict[str, str], *, content: bool = False) -> None:
    supervisor = Supervisor(watches=[Traces(made, content=content).watch])
    ask = requests.RunRequest((UserMessage("hi"),), thread_id="thread-1")
    handle = supervisor.start(agent, ask, new_id(), dialect="test", trace=headers)
    async with handle.follow() as batches:
        async for _ in batches:
            pass


def told(found: tuple[ReadableSpan, ...]) -> list[Any]:
    """All that spans say, but for what differs each time."""
    names = {span.context.span_id: span.name for span in found if span.context}

    def one(span: ReadableSpan) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(span.to_json())
        said["parent_id"] = names.get(span.parent.span_id, span.parent.span_id) if span.parent else None
        said["events"] = [{**event, "timestamp": ""} for event in said["events"]]
        for name in ("start_time", "end_time"):
            assert said.pop(name)
        assert 0 < (span.start_time or 0) <= (span.end_time or 0)
        context, scope = said.pop("context"), span.instrumentation_scope
        assert len(context["span_id"]) == 18
        flags = span.context.trace_flags if span.context else None
        for name in ("turnstream.run.id", "gen_ai.response.time_to_first_chunk"):
            said["attributes"].pop(name, None)
        return {**said, "trace": context["trace_state"], "flags": flags, "scope": scope}

    return [one(span) for span in found]


def failing() -> Agent:
    def look(key: str) -> str:
        """Look it up."""
        raise errors.ToolError("no")

    down: Any = errors.ProviderError("down", status=529)
    return Agent(ScriptedModel([[call("look", {"key": "a"})], down], name="openai:gpt-x"), [look], name="helper")


@pytest.mark.parametrize("headers", [{}, {"traceparent": PARENT}, {"traceparent": PARENT, "tracestate": "vendor=1"}])
@pytest.mark.parametrize("story", [lambda: helper("Hello."), lambda: helper(LOOKS, "Done."), failing])
async def test_our_spans_say_what_the_sdk_would(story: Any, headers: dict[str, str]) -> None:
    found = []
    for more in ((), (Watchful(),)):
        made, exporter = provider(*more)
        root = spans.Spans(made, SCHEMA).root("x", {}, {})
        assert (type(root) is spans.Span) == (not more)
        await run(made, story(), headers, content=True)
        found.append(told(exporter.get_finished_spans()))
    assert found[0] == found[1]
    assert len(found[0]) >= 3


@pytest.mark.parametrize(
    "more",
    [
        {"sampler": sampling.TraceIdRatioBased(1.0)},
        {"span_limits": SpanLimits(max_span_attribute_length=4)},
        {"span_limits": SpanLimits(max_span_attributes=3)},
    ],
)
def test_the_sdk_makes_the_spans_where_something_would_notice(more: dict[str, Any]) -> None:
    made, _ = provider(**more)
    assert type(spans.Spans(made, SCHEMA).root("x", {}, {})) is not spans.Span


def test_a_processor_that_comes_later_counts_too() -> None:
    made, _ = provider()
    ours = spans.Spans(made, SCHEMA)
    assert type(ours.root("x", {}, {})) is spans.Span
    made.add_span_processor(Watchful())
    assert type(ours.root("x", {}, {})) is not spans.Span


def test_without_an_sdk_there_are_no_spans_and_no_errors() -> None:
    ours = spans.Spans(trace.NoOpTracerProvider(), SCHEMA)
    root = ours.root("x", {"traceparent": PARENT}, {})
    assert not ours.below(root, "y", trace.SpanKind.CLIENT, {}).is_recording()


async def test_a_run_that_is_not_sampled_sends_no_span_and_says_so_to_the_model() -> None:
    sent: list[str] = []

    class Model(ScriptedModel):
        def stream(self, request: requests.ModelRequest, context: Any = None) -> Any:
            sent.append(tracing.headers()["traceparent"])
            return super().stream(request, context)

    made, exporter = provider()
    await run(made, Agent(Model(["Hello."]), name="helper"), {"traceparent": f"{PARENT[:-2]}00"})
    assert exporter.get_finished_spans() == ()
    assert sent[0][3:35] == PARENT[3:35]
    assert sent[0].endswith("-00")


async def test_what_a_tool_says_of_the_current_span_is_kept_and_its_own_spans_stand_below() -> None:
    made, exporter = provider()

    def work() -> str:
        """Work."""
        current = trace.get_current_span()
        current.set_attribute("mine", ["a", "b"])
        current.add_event("noted", {"x": 1})
        current.record_exception(ValueError("no"))
        with made.get_tracer("mine").start_as_current_span("inside"):
            return "ok"

    await run(made, Agent(ScriptedModel([call("work"), "Done."]), [work], name="helper"), {})
    found = exporter.get_finished_spans()
    assert ("step 1", "inside") in tree(list(found))
    [step] = [span for span in found if span.name == "step 1"]
    assert step.attributes == {"mine": ("a", "b")}
    assert [event.name for event in step.events] == ["noted", "exception"]


def test_a_span_ends_once_and_then_takes_nothing_more() -> None:
    made, exporter = provider()
    span = spans.Spans(made, SCHEMA).root("x", {}, {})
    for _ in range(2):
        span.end()
        span.set_attribute("late", 1)
    [ended] = exporter.get_finished_spans()
    assert ended.attributes == {}
