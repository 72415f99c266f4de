"""What a token costs in each dialect: the encoding alone, beside chat completions."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from rich.table import Table

from bench.rig.tables import wide_console
from turnstream.dialects import DIALECTS
from turnstream.dialects.base import ClientRequest, Encoder, Exchange, is_exchange
from turnstream.events import RunEvent, RunFinished, RunStarted, StepStarted, TextDelta, Usage

CHAT = "openai_chat"
LIMIT = 1.5
"""Times the cost of chat completions, at most."""
BATCH = 8  # tokens of one network read
WORDS = (" the", " answer", " is", " forty-two", ",", " says", " Zoë", ".\n")

_SAID = [{"role": "user", "content": "Go."}]
_A2A = {"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "Go."}]}}
BODIES: Mapping[str, object] = {
    CHAT: {"messages": _SAID, "stream": True},
    "orchestrate": {"messages": _SAID, "stream": True},
    "openai_responses": {"input": "Go.", "stream": True},
    "anthropic_messages": {"messages": _SAID, "stream": True},
    "ag_ui": {"threadId": "t", "runId": "r", "messages": [{"id": "1", "role": "user", "content": "Go."}]},
    "native": {"input": "Go.", "stream": True},
    "vercel": {"id": "chat", "messages": [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "Go."}]}]},
    "a2a": {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": _A2A},
}


class Cost(Struct, frozen=True):
    """``nanoseconds`` a token: the fastest round, since noise only adds; ``size`` is bytes a token."""

    nanoseconds: float
    size: float


def encoders() -> dict[str, Callable[[], Encoder]]:
    """For each dialect, what makes the encoder of a run."""
    return {dialect.name: _maker(dialect.name) for dialect in DIALECTS}


def _maker(name: str) -> Callable[[], Encoder]:
    dialect = next(dialect for dialect in DIALECTS if dialect.name == name)()

    def make() -> Encoder:
        body, agents = json.dumps(BODIES[name]).encode(), {"agent": ""}
        decoded = dialect.decode(ClientRequest(body, "run1", 0.0, path_params={"agent": "agent"}, agents=agents))
        assert is_exchange(decoded)
        exchange: Exchange = decoded
        return exchange.encoder("agent")

    return make


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
