"""The suite's samples as tables, with the targets and the peers beside them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.rig import peers
from bench.rig.measure import Sample, Spread
from bench.rig.peers import Peer
from bench.rig.start import Start

DIRECT, FLOOR, TURNSTREAM = "upstream alone", "floor", "turnstream"
Samples: TypeAlias = dict[str, dict[str, list[Sample]]]
"""Phase, then server, then one sample a round."""
Measure: TypeAlias = Callable[[Sample], float]


class Run(Struct, frozen=True):
    """All that one run has found, and on what."""

    conditions: dict[str, Any]
    quick: bool
    samples: Samples
    starts: dict[str, list[Start]]


class Target(NamedTuple):
    """``measured`` is None where the run has not measured it; ``required`` is None where there is only an aim."""

    what: str
    measured: Spread | None
    required: float | None
    aim: float

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "–"
        if self.measured.median <= self.aim:
            return "aim"
        return "met" if self.required is not None and self.measured.median <= self.required else "missed"


def wide_console() -> Console:
    """Standard output; a file or a pipe gets lines long enough for the tables."""
    return Console() if sys.stdout.isatty() else Console(width=120)


def per_thousand(sample: Sample) -> float:
    """CPU milliseconds per 1,000 tokens."""
    return sample.cpu / max(sample.report.tokens, 1) * 1000


def per_request(sample: Sample) -> float:
    """CPU milliseconds per answer."""
    return sample.cpu / max(sample.report.streams, 1)


def errors(sample: Sample) -> float:
    return sum(sample.report.errors.values())


def first(sample: Sample) -> float:
    return sample.report.first


def p99(sample: Sample) -> float:
    return sample.report.p99


def worst(sample: Sample) -> float:
    return sample.report.worst


def peak(sample: Sample) -> float:
    return sample.peak


def spread(samples: Samples, phase: str, server: str, measure: Measure) -> Spread | None:
    found = samples.get(phase, {}).get(server)
    return Spread.of([measure(sample) for sample in found]) if found else None


def relation(
    samples: Samples,
    one: tuple[str, str],
    other: tuple[str, str],
    measure: Measure,
    combine: Callable[[float, float], float] = lambda one, other: one / other,
) -> Spread | None:
    """Of two (phase, server) in the same round: what disturbed a round disturbed both."""
    pairs = zip(samples.get(one[0], {}).get(one[1], []), samples.get(other[0], {}).get(other[1], []), strict=False)
    found = [combine(measure(ours), measure(theirs)) for ours, theirs in pairs if measure(theirs)]
    return Spread.of(found) if found else None


def ratio(samples: Samples, phase: str, measure: Measure = per_thousand, server: str = TURNSTREAM) -> Spread | None:
    """In units of the floor."""
    return relation(samples, (phase, server), (phase, FLOOR), measure)


def targets(run: Run) -> list[Target]:
    samples = run.samples
    ours = (TURNSTREAM,)

    def cost(one: tuple[str, str], other: tuple[str, str]) -> Spread | None:
        return relation(samples, one, other, per_request)

    waits = relation(
        samples, ("beside-10000", *ours), ("beside-10000", FLOOR), worst, lambda one, other: max(0.0, one - other)
    )
    paced = [
        Target(f"{count:,} paced streams, CPU × floor", ratio(samples, f"paced-{count}"), 1.15, 1.0)
        for count in (100, 500, 1000)
    ]
    return [
        *paced,
        Target("burst, CPU × floor", ratio(samples, "burst"), 1.5, 1.2),
        Target("one request, CPU × floor", ratio(samples, "request", per_request), 2.5, 1.7),
        Target("first token, p50, 1,000 streams begun in 1.5 s, × floor", ratio(samples, "start-1000", first), 3, 1.5),
        Target("added p99 at 500 streams, × floor", ratio(samples, "paced-500", p99), 1.5, 1.2),
        Target("tool round, × one request of the floor", cost(("tool", *ours), ("request", FLOOR)), 6.5, 5),
        Target("200 Python tools, × one tool", cost(("tools-200", *ours), ("request", *ours)), 2.5, 1.6),
        Target("10,000 messages: longest wait of streams beside, more than the floor's, ms", waits, 10, 5),
        Target("10,000 messages: CPU × floor", ratio(samples, "history-10000", per_request), None, 3),
        Target("RSS idle, MiB", start_spread(run, TURNSTREAM, lambda start: start.resident), 62, 55),
        Target("RSS at 1,000 streams, MiB", spread(samples, "paced-1000", TURNSTREAM, peak), 82, 75),
        Target("ready after start, × floor", start_ratio(run), 1.8, 1.4),
        Target(
            "kept run (SQLite, 100 paced), CPU × unkept", cost(("kept-100", *ours), ("unkept-100", *ours)), 1.5, 1.35
        ),
    ]


def start_spread(run: Run, server: str, measure: Callable[[Start], float]) -> Spread | None:
    found = run.starts.get(server)
    return Spread.of([measure(start) for start in found]) if found else None


def start_ratio(run: Run) -> Spread | None:
    pairs = zip(run.starts.get(TURNSTREAM, []), run.starts.get(FLOOR, []), strict=False)
    found = [ours.ready / floor.ready for ours, floor in pairs]
    return Spread.of(found) if found else None


def show(run: Run, console: Console) -> None:
    console.print(measures(run))
    console.print(verdicts(run))
    console.print(beside_peers(run.samples))


def rows_of(phase: str) -> list[tuple[str, Measure]]:
    """What a phase is about."""
    rows: list[tuple[str, Measure]] = [("CPU ms / 1,000 tokens", per_thousand)]
    if phase.startswith(("request", "tool", "history")):
        rows = [("CPU ms / request", per_request)]
    if phase.startswith("start"):
        rows = [("first token p50, ms", first), ("first token p99, ms", lambda sample: sample.report.first_p99)]
    if phase.startswith(("paced", "kept", "unkept")):
        rows += [("added p50, ms", lambda sample: sample.report.p50), ("added p99, ms", p99)]
    if phase.startswith("beside"):
        rows = [("added p99, ms", p99), ("worst, ms", worst)]
    return [*rows, ("peak RSS, MiB", peak), ("errors", errors)]


def measures(run: Run) -> Table:
    table = Table(title="This run: median (lowest to highest)")
    table.add_column("measure")
    servers = (TURNSTREAM, FLOOR, DIRECT)
    for server in servers:
        table.add_column(server, justify="right")
    for phase in run.samples:
        for title, measure in rows_of(phase):
            found = (spread(run.samples, phase, one, measure) for one in servers)
            table.add_row(f"{phase}: {title}", *(str(one or "–") for one in found))
        table.add_section()
    for title, of in (("ready, ms", lambda start: start.ready), ("RSS, MiB", lambda start: start.resident)):
        table.add_row(f"start: {title}", *(str(start_spread(run, one, of) or "–") for one in servers))
    return table


def verdicts(run: Run) -> Table:
    table = Table(title="Targets")
    for column in ("what", "measured", "required", "aim", ""):
        table.add_column(column)
    colours = {"aim": "green", "met": "green", "missed": "red", "–": "dim"}
    for target in targets(run):
        required = "–" if target.required is None else f"{target.required:g}"
        verdict = f"[{colours[target.verdict]}]{target.verdict}[/]"
        table.add_row(target.what, str(target.measured or "–"), required, f"{target.aim:g}", verdict)
    return table


def as_peer(samples: Samples, server: str) -> Peer | None:
    """A server of this run as a row of the peers' table."""
    burst = spread(samples, "burst", server, per_thousand)
    paced = spread(samples, "paced-100", server, per_thousand)
    late = spread(samples, "paced-100", server, p99)
    tool = spread(samples, "tool", server, per_request)
    rss = spread(samples, "paced-100", server, peak)
    if burst is None or paced is None or late is None or rss is None:
        return None
    return Peer(server, burst.median, paced.median, late.median, None if tool is None else tool.median, rss.median)


def measured(samples: Samples) -> list[str]:
    """The servers of this run whose tokens were measured, the dearest in a burst first."""
    found = [(peer.burst, name) for name in samples.get("burst", {}) if (peer := as_peer(samples, name)) is not None]
    return [name for _, name in sorted(found, reverse=True)]


def beside_peers(samples: Samples) -> Table:
    table = Table(
        title=f"Beside peers, measured in {peers.DATE} on another, slower machine: compare the × floor columns"
    )
    table.add_column("server")
    for column in ("burst", "× floor", "paced", "× floor", "p99 ms", "tool round ms", "RSS MiB"):
        table.add_column(column, justify="right")
    for peer in peers.PEERS:
        table.add_row(*row(peer, peer.burst / peers.FLOOR.burst, peer.paced / peers.FLOOR.paced))
    table.add_section()
    for name in measured(samples):
        here, burst, paced = (
            as_peer(samples, name),
            ratio(samples, "burst", server=name),
            ratio(samples, "paced-100", server=name),
        )
        if here and burst and paced:
            table.add_row(*row(here, burst.median, paced.median), style="bold")
    return table


def row(peer: Peer, burst: float, paced: float) -> list[str]:
    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"

    ratios = number(burst), number(paced)
    figures = (number(peer.p99), number(peer.tool), number(peer.rss))
    return [peer.name, number(peer.burst), ratios[0], number(peer.paced), ratios[1], *figures]
