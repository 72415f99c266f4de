"""Prometheus: what runs did and do, by agent, dialect, model and tool. docs/telemetry.md lists the names.

Where several workers serve one address, any of them tells the sums of all: each counts in files that the others read.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, exposition, multiprocess
from prometheus_client.metrics_core import Metric

from turnstream import events, protocols, tracing, workers
from turnstream.telemetry import tallies
from turnstream.telemetry.labels import Labels

_MOST_TOOLS = 200
_MOST_BROKEN_TOOLS = 50  # names that only failed: a model may have made them up
_MOST_CODES = 100
_SHORT = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10)
_LONG = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
_DELTAS = frozenset({events.TextDelta, events.ReasoningDelta, events.RefusalDelta})


class _Registry(CollectorRegistry):
    """Enters what was counted before it is read, where that is done by the thread that counts. Another one, of a port
    of its own, reads what was entered last."""

    def __init__(self, enter: Callable[[], None]) -> None:
        super().__init__()
        self._enter, self._thread = enter, threading.get_ident()

    def collect(self) -> Iterable[Metric]:
        if threading.get_ident() == self._thread:
            self._enter()
        return super().collect()


class Metrics:
    """One server's, in a registry of its own. `watch` is for its supervisor, `refused` for its door."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._shared = workers.METRICS in os.environ
        self._tallies: list[tallies.Counts | tallies.Levels | tallies.Times] = []
        self.registry = _Registry(self.enter)
        ProcessCollector(namespace="turnstream", registry=self.registry)
        self.working_tools = Labels(_MOST_TOOLS)
        self.broken_tools = Labels(_MOST_BROKEN_TOOLS)
        self.codes = Labels(_MOST_CODES)
        count, time_, show = self._counter, self._histogram, self._gauge
        self.runs = count("runs", "Runs that have ended.", "agent", "dialect", "outcome")
        self.running = tallies.Levels(show("runs_running", "Runs that go on now.", "agent"), shared=self._shared)
        self._tallies.append(self.running)
        self.kept = count("kept_runs", "Runs with a log that this process has owned.", "agent")
        self.takeovers = count("run_takeovers", "Kept runs that had another owner before.", "agent")
        self.run_seconds = time_("run", "From the start of a run to its end.", _LONG, "agent")
        self.first_token = time_(
            "time_to_first_token", "From the start of a run to the first text or reasoning.", _LONG, "agent"
        )
        self.gap = time_(
            "inter_token", "Between two pieces of one answer, each as much as came at once.", _SHORT, "agent"
        )
        self.steps = count("model_calls", "Model calls that were answered.", "agent", "model", "finish")
        self.step_seconds = time_(
            "model_call", "From a model's request to the end of its answer.", _LONG, "agent", "model"
        )
        self.upstream_errors = count(
            "upstream_errors",
            "Failures of models, and whether the model was asked again.",
            *("agent", "model", "code", "retried"),
        )
        self.tokens = count(
            "tokens", "Input counts cached tokens too, and output those of reasoning.", "agent", "model", "kind"
        )
        self.cost = count("cost_dollars", "What models cost.", "agent", "model")
        self.tools = count("tool_calls", "Tool calls that were answered.", "agent", "tool", "outcome")
        self.tool_seconds = time_("tool_call", "From the start of a tool call to its result.", _LONG, "agent", "tool")
        self.refusals = count("requests_refused", "Requests that came to no run.", "status", "code")
        self.waiting = show("requests_waiting", "Requests that wait for a place among the runs.")
        self.owned = show("kept_runs_owned", "Runs with a log that are executed now.")
        self.connections = show("connections", "Open connections of clients.")
        self.held = show("held_bytes", "Bytes that wait for clients which read slowly.")
        self.asked = Gauge(
            "turnstream_runs_waiting",
            "Runs that wait for a person or for their client, of the whole store; at most 1000 are counted.",
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        self.breakers = Gauge(
            "turnstream_breaker_open",
            "1 while a model is asked after all others because it goes on failing.",
            ["model"],
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        self.loop_lag = Gauge(
            "turnstream_event_loop_lag_seconds",
            "By how much the last tick came late.",
            registry=self.registry,
            multiprocess_mode="livemax",
        )

    def enter(self) -> None:
        """What was counted since the last time, into what is read."""
        for tally in self._tallies:
            tally.enter()

    def _counter(self, name: str, text: str, *labels: str) -> tallies.Counts:
        counts = tallies.Counts(
            Counter(f"turnstream_{name}", text, labels, registry=self.registry), shared=self._shared
        )
        self._tallies.append(counts)
        return counts

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"turnstream_{name}", text, labels, registry=self.registry, multiprocess_mode="livesum")

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> tallies.Times:
        metric = Histogram(f"turnstream_{name}_seconds", text, labels, buckets=buckets, registry=self.registry)
        times = tallies.Times(metric, buckets, shared=self._shared)
        self._tallies.append(times)
        return times

    def watch(self, info: protocols.RunInfo) -> RunMetrics:
        return RunMetrics(self, info)

    def count_refusal(self, status: int, code: str) -> None:
        self.refusals.add(status, self.codes.admit(code))

    def tool_label(self, name: str, ok: bool) -> str:
        if ok:
            return self.working_tools.admit(name)
        return name if self.working_tools.knows(name) else self.broken_tools.admit(name)

    def expose(self, accept: str) -> tuple[bytes, str]:
        """The text and its content type, in the form that the scraper asks for."""
        self.enter()
        generate, content_type = exposition.choose_encoder(accept)
        return generate(self.readable()), content_type

    def readable(self) -> CollectorRegistry:
        """What is to be shown: of all workers, where there are several."""
        if not self._shared:
            return self.registry
        shared = CollectorRegistry()
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return shared


class RunMetrics:
    """A watcher of one run. For a piece of an answer it does no more than to look at the clock."""

    __slots__ = ("_agent", "_began", "_first", "_gap", "_info", "_last", "_listens", "_metrics")

    trace_id = ""

    def __init__(self, metrics: Metrics, info: protocols.RunInfo) -> None:
        self._metrics, self._info, self._agent = metrics, info, info.agent
        self._gap = metrics.gap.row(info.agent)
        self._began = metrics.clock()
        self._first, self._listens = True, False
        self._last: float | None = None
        metrics.running.add(1, info.agent)
        if info.kept:
            metrics.kept.add(info.agent)
            if info.attempt > 1:
                metrics.takeovers.add(info.agent)

    def feed(self, batch: list[events.RunEvent]) -> None:
        if type(batch[0]) in _DELTAS:
            now = self._metrics.clock()
            if self._last is not None:
                self._gap.add(now - self._last)
            elif self._first:
                self._first = False
                self._metrics.first_token.row(self._agent).add(now - self._began)
            self._last = now
            if len(batch) == 1:
                return
        if not self._listens:
            self._listens = True
            tracing.listen(self._count_failure)
        for event in batch:
            match event:
                case events.StepFinished():
                    self._last = None
                    self._finish_step(event)
                case events.ToolResult():
                    self._count_tool(event)
                case _:
                    pass

    def close(self, ending: events.TerminalEvent) -> None:
        metrics, agent = self._metrics, self._agent
        tracing.end()
        metrics.running.add(-1, agent)
        metrics.run_seconds.row(agent).add(metrics.clock() - self._began)
        metrics.runs.add(agent, self._info.dialect, metrics.codes.admit(outcome(ending)))

    def _count_failure(self, model: str, code: str, retried: bool) -> None:
        code = self._metrics.codes.admit(code)
        self._metrics.upstream_errors.add(self._agent, model, code, "yes" if retried else "no")

    def _finish_step(self, event: events.StepFinished) -> None:
        metrics, agent, model, used = self._metrics, self._agent, event.model, event.usage
        metrics.steps.add(agent, model, event.finish)
        metrics.step_seconds.row(agent, model).add(event.duration)
        for kind, count in (
            ("input", used.input),
            ("output", used.output),
            ("cached", used.cached),
            ("reasoning", used.reasoning),
        ):
            if count > 0:
                metrics.tokens.add(agent, model, kind, amount=count)
        if used.cost is not None and used.cost > 0:
            metrics.cost.add(agent, model, amount=used.cost)

    def _count_tool(self, event: events.ToolResult) -> None:
        tool = self._metrics.tool_label(event.tool_call.name, event.ok)
        self._metrics.tools.add(self._agent, tool, "ok" if event.ok else "error")
        self._metrics.tool_seconds.row(self._agent, tool).add(event.duration)


def outcome(ending: events.TerminalEvent) -> str:
    match ending:
        case events.RunFinished(reason=reason):
            return reason
        case events.RunFailed(code=code):
            return code
        case events.RunCancelled():
            return "cancelled"
