"""OpenTelemetry: a span for each run, step, model call and tool call, by the conventions for generative AI.

The names are those of the semantic conventions 1.44.0, whose part for generative AI is still in development: they are
written out here, so that they change when we say so. No span has a word of what was said, unless ``content`` asks.

The watcher is called before the run goes on, in the task of the run: when `StepStarted` has come, the span of the model
call exists and its request can be told of it (`turnstream.tracing`), and so it is with the calls of tools.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec
from opentelemetry import context as contexts, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from turnstream import events, protocols, tracing
from turnstream.telemetry import spans

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"

# Our names of providers, where the conventions have another.
_PROVIDERS = {
    "openai-responses": "openai",
    "anthropic-vertex": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "bedrock": "aws.bedrock",
    "watsonx": "ibm.watsonx.ai",
    "watsonx-generation": "ibm.watsonx.ai",
    "azure": "azure.ai.openai",
    "xai": "x_ai",
}
_DELTAS = frozenset({events.TextDelta, events.ReasoningDelta, events.RefusalDelta})


class Traces:
    """`watch` is for a supervisor. ``content`` adds answers, arguments and results to the spans."""

    def __init__(
        self,
        provider: trace.TracerProvider | None = None,
        *,
        content: bool = False,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._spans = spans.Spans(provider, SCHEMA)
        self._content, self._clock = content, clock

    def watch(self, info: protocols.RunInfo) -> RunTrace:
        return RunTrace(self._spans, info, self._content, self._clock)


class RunTrace:
    """A watcher of one run."""

    def __init__(self, made_by: spans.Spans, info: protocols.RunInfo, content: bool, clock: Callable[[], int]) -> None:
        self._start, self._content, self._clock = made_by.below, content, clock
        attributes: dict[str, str | bool] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": info.agent,
            "turnstream.run.id": info.id,
            "turnstream.principal": info.principal,
            "turnstream.dialect": info.dialect,
        }
        if info.thread_id is not None:
            attributes["gen_ai.conversation.id"] = info.thread_id
        self._run = made_by.root(f"invoke_agent {info.agent}", info.trace, attributes)
        context = self._run.get_span_context()
        self.trace_id = trace.format_trace_id(context.trace_id) if context.is_valid else ""
        self._step: trace.Span | None = None
        self._model: trace.Span | None = None
        self._asked = 0
        self._first = 0.0
        self._tools: dict[str, trace.Span] = {}
        self._entered = False

    def feed(self, batch: list[events.RunEvent]) -> None:
        if type(batch[0]) in _DELTAS and len(batch) == 1:
            if self._asked:
                self._first_word()
            return
        if not self._entered:
            self._entered = True
            if type(batch[-1]) is not events.StepStarted:
                self._enter(self._run)
            tracing.begin(self._inject)
            tracing.listen(self._note_failure)
        for event in batch:
            match event:
                case events.StepStarted(step=step):
                    self._end_step()
                    self._begin_step(step)
                case events.StepFinished():
                    self._finish_model(event)
                case events.ToolCallsDetected(tool_calls=calls):
                    self._enter(self._step or self._run)
                    for call in calls:
                        self._begin_tool(call.id, call.name, call.arguments)
                case events.ToolResult():
                    self._finish_tool(event)
                case events.ToolsExecuted():
                    self._end_step()
                    self._enter(self._run)
                case events.TextDelta() | events.ReasoningDelta() | events.RefusalDelta() if self._asked:
                    self._first_word()
                case _:
                    pass

    def close(self, ending: events.TerminalEvent) -> None:
        tracing.end()
        for span in self._tools.values():
            _end(span, "cancelled")
        self._end_step("cancelled" if isinstance(ending, events.RunCancelled) else None)
        match ending:
            case events.RunFinished(reason=reason):
                spans.put(self._run, {"gen_ai.response.finish_reasons": (reason,)})
                _end(self._run, None)
            case events.RunFailed(code=code):
                _end(self._run, code)
            case events.RunCancelled():
                spans.put(self._run, {"turnstream.cancelled": True})
                self._run.end()

    def _note_failure(self, model: str, code: str, retried: bool) -> None:
        if self._model is not None:
            self._model.add_event("failure", {"error.type": code, "turnstream.retried": retried})

    def _inject(self, tool_call_id: str) -> Mapping[str, str]:
        headers: dict[str, str] = {}
        span = self._tools.get(tool_call_id) or self._model or self._step or self._run
        spans.PROPAGATOR.inject(headers, trace.set_span_in_context(span))
        return headers

    def _enter(self, span: trace.Span) -> None:
        """What else is traced in the task of the run, as users' own tools may be, stands below this span."""
        contexts.attach(trace.set_span_in_context(span))

    def _begin_step(self, step: int) -> None:
        self._step = self._start(self._run, f"step {step}", SpanKind.INTERNAL, {})
        self._model = self._start(self._step, "chat", SpanKind.CLIENT, {})
        self._asked = self._clock()
        self._enter(self._model)

    def _first_word(self) -> None:
        self._first = (self._clock() - self._asked) / 1e9
        self._asked = 0

    def _finish_model(self, event: events.StepFinished) -> None:
        span, self._model = self._model, None
        if span is None:  # a run of housekeeping has no steps
            began = self._clock() - int(event.duration * 1e9)
            span = self._start(self._run, "chat", SpanKind.CLIENT, {}, began)
        provider, _, model = event.model.rpartition(":") if ":" in event.model else ("", "", event.model)
        provider = provider.partition(":")[0]
        used = event.usage
        span.update_name(f"chat {model}")
        attributes: dict[str, str | int | float | tuple[str, ...]] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _PROVIDERS.get(provider, provider or "turnstream"),
            "gen_ai.request.model": model,
            "gen_ai.response.finish_reasons": (event.finish,),
            "gen_ai.usage.input_tokens": used.input,
            "gen_ai.usage.output_tokens": used.output,
        }
        for name, value in (
            ("gen_ai.response.time_to_first_chunk", self._first),
            ("gen_ai.usage.cache_read.input_tokens", used.cached),
            ("gen_ai.usage.cache_creation.input_tokens", used.cache_write),
            ("gen_ai.usage.reasoning.output_tokens", used.reasoning),
        ):
            if value:
                attributes[name] = value
        if self._content:
            attributes["gen_ai.output.messages"] = _output(event)
        spans.put(span, attributes)
        span.end()
        self._asked, self._first = 0, 0.0

    def _begin_tool(self, id: str, name: str, arguments: str) -> None:
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.call.id": id,
            "gen_ai.tool.type": "function",
        }
        if self._content:
            attributes["gen_ai.tool.call.arguments"] = arguments
        self._tools[id] = self._start(self._step or self._run, f"execute_tool {name}", SpanKind.INTERNAL, attributes)

    def _finish_tool(self, event: events.ToolResult) -> None:
        span = self._tools.pop(event.tool_call.id, None)
        if span is None:
            return
        if self._content:
            spans.put(span, {"gen_ai.tool.call.result": event.output.shown_text})
        _end(span, None if event.ok else "tool_error")

    def _end_step(self, error: str | None = None) -> None:
        for span in (self._model, self._step):
            if span is not None:
                _end(span, error)
        self._model = self._step = None


def _end(span: trace.Span, error: str | None) -> None:
    """``error`` is the code of a failure."""
    if error is not None:
        spans.put(span, {"error.type": error})
        span.set_status(Status(StatusCode.ERROR, error))
    span.end()


def _output(event: events.StepFinished) -> str:
    parts = [
        {"type": "text", "content": event.message.text},
        *(
            {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}
            for call in event.message.tool_calls
        ),
    ]
    return msgspec.json.encode([{"role": "assistant", "parts": parts, "finish_reason": event.finish}]).decode()
