"""What a token costs in each dialect: the encoding alone, beside chat completions."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct
from rich.table import Table

from bench.rig.tables import wide_console
from tests.dialects.wires import EVERY
from turnstream.dialects.base import Encoder
from turnstream.events import RunEvent, RunFinished, RunStarted, StepStarted, TextDelta, Usage

CHAT = "openai_chat"
LIMIT = 1.5
"""Times the cost of chat completions, at most."""
BATCH = 8  # tokens of one network read
WORDS = (" the", " answer", " is", " forty-two", ",", " says", " Zoë", ".\n")


class Cost(Struct, frozen=True):
    """``nanoseconds`` a token: the fastest round, since noise only adds; ``size`` is bytes a token."""

    nanoseconds: float
    size: float


def encoders() -> dict[str, Callable[[], Encoder]]:
    """For each dialect, what makes the encoder of a run."""
    return {name: partial(wire.exchange().encoder, "agent") for name, wire in EVERY.items()}


def batches(tokens: int) -> list[list[RunEvent]]:
    texts: list[RunEvent] = [TextDelta(WORDS[at % len(WORDS)]) for at in range(tokens)]
    return [texts[at : at + BATCH] for at in range(0, tokens, BATCH)]


def measure(makers: Mapping[str, Callable[[], Encoder]], tokens: int, rounds: int) -> dict[str, Cost]:
    """Round by round, each dialect in turn, so that what slows the machine slows all."""
    told = batches(tokens)
    times: dict[str, list[float]] = {name: [] for name in makers}
    sizes: dict[str, int] = {}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, make in makers.items():
                seconds, sizes[name] = _once(make(), told)
                times[name].append(seconds)
    finally:
        gc.enable()
    return {name: Cost(min(found) / tokens * 1e9, sizes[name] / tokens) for name, found in times.items()}


def _once(encoder: Encoder, told: Sequence[list[RunEvent]]) -> tuple[float, int]:
    encoder.feed([RunStarted("run1", "agent"), StepStarted(1)])
    feed, size = encoder.feed, 0
    start = time.perf_counter()
    for batch in told:
        size += len(feed(batch))
    seconds = time.perf_counter() - start
    encoder.feed([RunFinished("stop", Usage(), 1)])
    return seconds, size


def run(quick: bool) -> None:
    costs = measure(encoders(), 2000, 20 if quick else 200)
    chat = costs[CHAT].nanoseconds
    table = Table(title=f"Encoding a token of text, batches of {BATCH}: the fastest round")
    for column in ("dialect", "ns a token", "times chat", "at most", "bytes a token"):
        table.add_column(column)
    for name, cost in sorted(costs.items(), key=lambda item: item[1].nanoseconds):
        times = cost.nanoseconds / chat
        colour = "red" if times > LIMIT else "green"
        row = (name, f"{cost.nanoseconds:.0f}", f"[{colour}]{times:.2f}[/]", f"{LIMIT}", f"{cost.size:.0f}")
        table.add_row(*row)
    wide_console().print(table)
