"""Spans at a third of the SDK's price, where nobody can tell the difference.

The SDK's own span costs up to 50 µs in a run: limits that hold for no attribute of ours, a lock for each of them, a
sampler that is asked what its parent was, and a copy at the end. Ours skips what has no effect. Where something would
notice (a processor that looks at spans as they begin, limits, a sampler of another kind, a provider that is not the
SDK's or is built otherwise), the SDK makes all spans.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from opentelemetry import context as contexts, trace
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util import types

PROPAGATOR = TraceContextTextMapPropagator()

_MOST_ATTRIBUTES = 32  # more than a span of ours ever has
_UNSET = Status(StatusCode.UNSET)
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_RANDOM = 2  # the flag of W3C Trace Context, level 2
_NAME = "turnstream"

Deliver = Callable[[Any], None]
About = tuple[Deliver, Callable[..., Any], Any, Any]
"""What takes spans that have ended, what such a span is, and what it says of the process."""


class Spans:
    """Of one provider."""

    def __init__(self, provider: trace.TracerProvider | None, schema: str) -> None:
        self._provider: Any = provider or trace.get_tracer_provider()
        self._tracer = trace.get_tracer(_NAME, version(_NAME), self._provider, schema)
        self._schema = schema
        self._seen: object = None  # the processors for which the following was found
        self._about: About | None = None
        self._default: object = None  # the sampler that follows the parent, and takes all without one

    def root(self, name: str, headers: Mapping[str, str], attributes: dict[str, Any]) -> trace.Span:
        """Below the span that ``headers`` name, if they do (W3C Trace Context)."""
        about = self._direct()
        if about is None:
            return self._tracer.start_span(name, PROPAGATOR.extract(headers), SpanKind.INTERNAL, attributes)
        return self._sample(name, _parent_of(headers), attributes, about)

    def below(
        self,
        parent: trace.Span,
        name: str,
        kind: SpanKind,
        attributes: dict[str, Any],
        start_time: int | None = None,
    ) -> trace.Span:
        if type(parent) is Span:
            above = parent.get_span_context()
            return Span(name, above, _below(above), kind, attributes, start_time, parent.about)
        if type(parent) is _Unsampled:
            return parent
        context = trace.set_span_in_context(parent)
        return self._tracer.start_span(name, context, kind, attributes, start_time=start_time)

    def _sample(self, name: str, parent: SpanContext, attributes: dict[str, Any], about: About) -> trace.Span:
        """As the SDK begins a span that may be the first of its trace."""
        ids, above = self._provider.id_generator, parent if parent.is_valid else None
        trace_id = ids.generate_trace_id() if above is None else parent.trace_id
        if above is not None and parent.trace_flags.sampled and self._provider.sampler is self._default:
            own = SpanContext(trace_id, ids.generate_span_id(), False, parent.trace_flags, parent.trace_state)
            return Span(name, above, own, SpanKind.INTERNAL, attributes, None, about)
        context = trace.set_span_in_context(trace.NonRecordingSpan(parent), contexts.Context())
        found = self._provider.sampler.should_sample(context, trace_id, name, SpanKind.INTERNAL, attributes, ())
        is_random = getattr(ids, "is_trace_id_random", bool)
        flags = _RANDOM * is_random() if above is None else parent.trace_flags & ~TraceFlags.SAMPLED
        flags = TraceFlags(flags | TraceFlags.SAMPLED if found.decision.is_sampled() else flags)
        own = SpanContext(trace_id, ids.generate_span_id(), False, flags, found.trace_state)
        if not found.decision.is_recording():
            return _Unsampled(own)
        return Span(name, above, own, SpanKind.INTERNAL, dict(found.attributes or {}), None, about)

    def _direct(self) -> About | None:
        """None if the SDK must make the spans."""
        processors = getattr(getattr(self._provider, "_active_span_processor", None), "_span_processors", None)
        if processors is None:
            return None
        if processors is not self._seen:
            from opentelemetry.sdk.trace import sampling

            self._seen, self._default = processors, sampling.DEFAULT_ON
            self._about = _about(self._provider, processors, self._schema)
        return self._about


def _about(provider: Any, processors: tuple[Any, ...], schema: str) -> About | None:
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider, sampling
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    limits = getattr(provider, "_span_limits", None)
    if type(provider) is not TracerProvider or limits is None or getattr(provider, "_disabled", False):
        return None
    is_quiet = all(
        type(one) in (BatchSpanProcessor, SimpleSpanProcessor)
        or (type(one).on_start is SpanProcessor.on_start and type(one)._on_ending is SpanProcessor._on_ending)
        for one in processors
    )
    most, longest = limits.max_span_attributes, limits.max_span_attribute_length
    is_unlimited = longest is None and (most is None or most >= _MOST_ATTRIBUTES)
    knows_parents = isinstance(provider.sampler, sampling.ParentBased | sampling.StaticSampler)
    if not (is_quiet and is_unlimited and knows_parents):
        return None
    scope = InstrumentationScope(_NAME, version(_NAME), schema)
    return provider._active_span_processor.on_end, ReadableSpan, provider.resource, scope


def _parent_of(headers: Mapping[str, str]) -> SpanContext:
    if not headers.get("tracestate"):
        match = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        if match is not None:
            trace_id, span_id, flags = (int(part, 16) for part in match.groups())
            return SpanContext(trace_id, span_id, True, TraceFlags(flags))
    return trace.get_current_span(PROPAGATOR.extract(headers, contexts.Context())).get_span_context()


def _below(parent: SpanContext) -> SpanContext:
    return SpanContext(parent.trace_id, random.getrandbits(64) or 1, False, parent.trace_flags, parent.trace_state)


class _Unsampled(trace.NonRecordingSpan):
    """One for all spans of a run."""


class Span(trace.Span):
    """A span that is recorded. Values that users' own code sets are checked, as the SDK does; `put` takes ours as they
    are."""

    __slots__ = (
        "_attributes", "_context", "_ended", "_events", "_kind", "_name", "_parent", "_started", "_status", "about",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        parent: SpanContext | None,
        context: SpanContext,
        kind: SpanKind,
        attributes: dict[str, Any],
        start_time: int | None,
        about: About,
    ) -> None:
        self._name, self._parent, self._context, self._kind = name, parent, context, kind
        self._attributes, self.about = attributes, about
        self._events: list[Any] = []
        self._status = _UNSET
        self._ended = False
        self._started = time.time_ns() if start_time is None else start_time

    def end(self, end_time: int | None = None) -> None:
        if self._ended:
            return
        self._ended = True
        deliver, ended, resource, scope = self.about
        deliver(
            ended(
                self._name,
                self._context,
                self._parent,
                resource,
                self._attributes,
                self._events,
                (),
                self._kind,
                status=self._status,
                start_time=self._started,
                end_time=time.time_ns() if end_time is None else end_time,
                instrumentation_scope=scope,
            )
        )

    def put(self, attributes: Mapping[str, Any]) -> None:
        self._attributes.update(attributes)

    def get_span_context(self) -> SpanContext:
        return self._context

    def is_recording(self) -> bool:
        return not self._ended

    def set_attributes(self, attributes: Mapping[str, types.AttributeValue]) -> None:
        from opentelemetry.attributes import BoundedAttributes

        if not self._ended:
            self._attributes.update(BoundedAttributes(None, attributes))

    def set_attribute(self, key: str, value: types.AttributeValue) -> None:
        self.set_attributes({key: value})

    def add_event(self, name: str, attributes: types.Attributes = None, timestamp: int | None = None) -> None:
        from opentelemetry.attributes import BoundedAttributes
        from opentelemetry.sdk.trace import Event

        if not self._ended:
            self._events.append(Event(name, BoundedAttributes(None, attributes), timestamp))

    def update_name(self, name: str) -> None:
        self._name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        self._status = status if isinstance(status, Status) else Status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: types.Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        told = {"exception.type": type(exception).__qualname__, "exception.message": str(exception)}
        self.add_event("exception", {**told, **(attributes or {})}, timestamp)


def put(span: trace.Span, attributes: Mapping[str, Any]) -> None:
    """Attributes of ours."""
    if type(span) is Span:
        span.put(attributes)
    else:
        span.set_attributes(attributes)
