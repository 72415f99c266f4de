"""Spans, read back from the SDK's exporter in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from turnstream import RunContext, errors, events, requests, tracing
from turnstream.agent import Agent
from turnstream.messages import UserMessage
from turnstream.runs.supervisor import Supervisor, new_id
from turnstream.telemetry.traces import SCHEMA, Traces
from turnstream.testing.models import ScriptedModel, Step, call
from turnstream.usage import Usage

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CANARY = "canary-7f3a"


class Tracing:
    def __init__(self, *, content: bool = False) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.supervisor = Supervisor(watches=[Traces(provider, content=content).watch])

    async def run(self, agent: Agent, said: str = "hi", trace: dict[str, str] | None = None) -> list[events.RunEvent]:
        seen: list[events.RunEvent] = []
        ask = requests.RunRequest((UserMessage(said),), thread_id="thread-1")
        handle = self.supervisor.start(agent, ask, new_id(), request_id="req_1", dialect="test", trace=trace or {})
        async with handle.follow() as batches:
            async for batch in batches:
                seen += batch
        return seen

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        [span] = [span for span in self.spans if span.name == name]
        return span


def tree(spans: list[ReadableSpan]) -> set[tuple[str, str]]:
    """Each span's name with its parent's."""
    names = {span.context.span_id: span.name for span in spans if span.context}
    return {(names.get(span.parent.span_id, "?") if span.parent else "", span.name) for span in spans}


def look(key: str) -> str:
    """Look it up."""
    return f"found {key} {CANARY}"


def helper(*steps: Step, **more: Any) -> Agent:
    return Agent(ScriptedModel(steps, name="openai:gpt-x"), [look], name="helper", **more)


LOOKS: Step = [call("look", {"key": CANARY}), events.UsageReport(Usage(10, 5, cached=4, reasoning=2))]


async def test_a_run_its_steps_its_model_calls_and_its_tools_are_a_tree() -> None:
    traced = Tracing()
    await traced.run(helper(LOOKS, "Done."))
    assert tree(traced.spans) == {
        ("", "invoke_agent helper"),
        ("invoke_agent helper", "step 1"),
        ("invoke_agent helper", "step 2"),
        ("step 1", "chat gpt-x"),
        ("step 2", "chat gpt-x"),
        ("step 1", "execute_tool look"),
    }
    assert all(span.end_time is not None and span.instrumentation_scope.schema_url == SCHEMA for span in traced.spans)  # type: ignore[union-attr]


async def test_a_model_call_has_what_the_conventions_ask() -> None:
    traced = Tracing()
    await traced.run(helper(["Hello", events.UsageReport(Usage(10, 5, cached=4, reasoning=2)), events.Finish("stop")]))
    attributes = dict(traced.named("chat gpt-x").attributes or {})
    assert attributes.pop("gen_ai.response.time_to_first_chunk") > 0  # type: ignore[operator]
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-x",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 2,
    }


async def test_a_run_goes_on_with_the_trace_of_its_request() -> None:
    traced = Tracing()
    await traced.run(helper("Hello."), trace={"traceparent": PARENT, "tracestate": "vendor=1"})
    assert {format(span.context.trace_id, "032x") for span in traced.spans if span.context} == {PARENT[3:35]}
    run = traced.named("invoke_agent helper")
    assert run.parent is not None
    assert format(run.parent.span_id, "016x") == PARENT[36:52]
    assert (run.attributes or {})["gen_ai.conversation.id"] == "thread-1"


@pytest.mark.parametrize("given", [{"traceparent": "nonsense"}, {"traceparent": PARENT[:-3]}, {}])
async def test_a_trace_that_cannot_be_read_begins_another(given: dict[str, str]) -> None:
    traced = Tracing()
    await traced.run(helper("Hello."), trace=given)
    assert traced.named("invoke_agent helper").parent is None


async def test_a_request_to_the_model_and_one_of_a_tool_name_their_own_spans() -> None:
    sent: dict[str, str] = {}

    class Model(ScriptedModel):
        def stream(self, request: requests.ModelRequest, context: RunContext | None = None) -> Any:
            sent[f"model {len(self.requests) + 1}"] = tracing.headers()["traceparent"]
            return super().stream(request, context)

    def ask(context: RunContext) -> str:
        """Ask."""
        sent["tool"] = tracing.headers(context.tool_call_id)["traceparent"]
        return "ok"

    traced = Tracing()
    await traced.run(Agent(Model([call("ask"), "Done."], name="m"), [ask], name="helper"))
    ids = {format(span.context.span_id, "016x"): span.name for span in traced.spans if span.context}
    assert {key: ids[value[36:52]] for key, value in sent.items()} == {
        "model 1": "chat m",
        "tool": "execute_tool ask",
        "model 2": "chat m",
    }
    assert tracing.headers() == {}


async def test_failures_have_a_status_and_their_code() -> None:
    traced = Tracing()
    await traced.run(helper(errors.ProviderError("busy", code="provider_overloaded")))
    run, chat = traced.named("invoke_agent helper"), traced.named("chat")
    assert run.status.status_code is StatusCode.ERROR
    assert (run.attributes or {})["error.type"] == "provider_overloaded"
    assert chat.end_time is not None


async def test_a_failure_after_which_the_model_is_asked_again_is_an_event_of_its_call() -> None:
    class Model(ScriptedModel):
        def stream(self, request: requests.ModelRequest, context: RunContext | None = None) -> Any:
            tracing.tell_failure(self.name, "provider_overloaded", True)
            return super().stream(request, context)

    traced = Tracing()
    await traced.run(Agent(Model(["Hello."], name="m"), name="helper"))
    [event] = traced.named("chat m").events
    assert (event.attributes or {})["error.type"] == "provider_overloaded"


async def test_a_tool_that_fails_is_an_error_of_its_span_alone() -> None:
    def broken() -> str:
        """Broken."""
        raise errors.ToolError(CANARY)

    traced = Tracing()
    await traced.run(Agent(ScriptedModel([call("broken"), "Done."]), [broken], name="helper"))
    assert traced.named("execute_tool broken").status.status_code is StatusCode.ERROR
    assert traced.named("invoke_agent helper").status.status_code is StatusCode.UNSET


async def test_a_run_that_is_left_ends_all_its_spans() -> None:
    traced = Tracing()
    agent = helper(["a ", asyncio.Event()])
    handle = traced.supervisor.start(agent, requests.RunRequest((UserMessage("hi"),)), new_id())
    async with handle.follow() as batches:
        async for batch in batches:
            if isinstance(batch[0], events.TextDelta):
                break
    assert {span.name for span in traced.spans} == {"invoke_agent helper", "step 1", "chat"}
    assert (traced.named("invoke_agent helper").attributes or {})["turnstream.cancelled"] is True


def told(spans: list[ReadableSpan]) -> str:
    return " ".join(str(span.to_json()) for span in spans)


async def test_no_span_has_a_word_of_what_was_said() -> None:
    traced = Tracing()
    await traced.run(helper(LOOKS, f"It is {CANARY}."), CANARY)
    assert CANARY not in told(traced.spans)


async def test_content_is_there_when_it_is_asked_for() -> None:
    traced = Tracing(content=True)
    await traced.run(helper(LOOKS, f"It is {CANARY}."), "hi")
    assert told(traced.spans).count(CANARY) >= 3
