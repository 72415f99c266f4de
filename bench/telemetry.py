"""What it costs to watch a run: metrics and traces on and off, in turn, in one process."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import time
from collections.abc import Coroutine
from statistics import median, quantiles
from typing import Any

from msgspec import Struct
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from rich.table import Table

from bench.rig.paced import Paced
from bench.rig.tables import wide_console
from turnstream import protocols
from turnstream.agent import Agent
from turnstream.events import RunRequest
from turnstream.messages import UserMessage
from turnstream.runs.supervisor import Supervisor, new_id
from turnstream.telemetry.metrics import Metrics
from turnstream.telemetry.traces import Traces

PACED_TOKEN = 61.0
"""Microseconds of CPU that a paced token costs the whole server: docs/performance.md."""
REQUEST = 560.0
"""Microseconds of CPU that a request costs before and after its tokens: half a tool round there."""
PARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


class Away(SpanExporter):
    """Takes the spans, as a collector would."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class Added(Struct, frozen=True):
    """Microseconds, over pairs: the median difference of on to off, since others may be at work on the machine, and the
    interval that holds 95 % of the medians which a resampling of the pairs gives."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, differences: list[float]) -> Added:
        chance = random.Random(1)
        medians = [median(chance.choices(differences, k=len(differences))) for _ in range(2000)]
        edges = quantiles(medians, n=40)
        return cls(median(differences), edges[0], edges[-1])


def watches() -> dict[str, tuple[protocols.Watch, ...]]:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Away()))
    metrics, traces = Metrics().watch, Traces(provider).watch
    return {"metrics": (metrics,), "traces": (traces,), "both": (metrics, traces)}


def measure(pairs: int, runs: int, tokens: int) -> dict[str, Added]:
    """Per run of so many tokens."""
    found: dict[str, list[float]] = {name: [] for name in watches()}
    supervisors = {name: Supervisor(watches=watch) for name, watch in watches().items()}
    off, agent = Supervisor(), Agent(Paced(tokens), name="bench")
    gc.disable()
    try:
        with asyncio.Runner() as runner:
            for which in (off, *supervisors.values()):
                runner.run(_runs(which, agent, runs))
            for at in range(pairs):
                for name, on in supervisors.items():
                    first, second = (off, on) if at % 2 else (on, off)
                    one, other = (_cpu(runner, _runs(which, agent, runs)) for which in (first, second))
                    found[name].append((other - one if at % 2 else one - other) / runs * 1e6)
                gc.collect()
    finally:
        gc.enable()
    return {name: Added.of(differences) for name, differences in found.items()}


def _cpu(runner: asyncio.Runner, work: Coroutine[Any, Any, None]) -> float:
    began = time.process_time()
    runner.run(work)
    return time.process_time() - began


async def _runs(supervisor: Supervisor, agent: Agent, runs: int) -> None:
    ask = RunRequest((UserMessage("Go."),), thread_id="thread")
    for _ in range(runs):
        handle = supervisor.start(agent, ask, new_id(), dialect="openai_chat", trace=PARENT)
        async with handle.follow() as batches:
            async for _batch in batches:
                pass


def run(quick: bool) -> None:
    logging.getLogger("turnstream").setLevel(logging.WARNING)
    pairs = 6 if quick else 200
    table = Table("watched by", "a token, µs", "of a paced token", "a request, µs", "of a request")
    empty, full, tokens = measure(pairs, 20, 1), measure(pairs, 2, 400), 399
    for name in empty:
        request, whole = empty[name], full[name]
        token = Added(*((getattr(whole, part) - request.middle) / tokens for part in ("middle", "low", "high")))
        table.add_row(name, _told(token), _share(token, PACED_TOKEN), _told(request), _share(request, REQUEST))
    console = wide_console()
    console.print(table)
    console.print(f"{pairs} pairs of off and on, in turn; in brackets the interval of 95 %")


def _told(added: Added) -> str:
    return f"{added.middle:.2f} ({added.low:.2f} to {added.high:.2f})"


def _share(added: Added, whole: float) -> str:
    return f"{added.middle / whole:.1%}"
