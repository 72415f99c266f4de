"""The suite's samples as tables, with the targets and the peers beside them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from bench.rig import peers
from bench.rig.measure import Sample, Spread
from bench.rig.peers import Peer

DIRECT, FLOOR, TURNSTREAM = "upstream alone", "floor", "turnstream"
Samples: TypeAlias = dict[str, dict[str, list[Sample]]]
"""Phase, then server, then one sample a round."""


def wide_console() -> Console:
    """Standard output; a file or a pipe gets lines long enough for the tables."""
    return Console() if sys.stdout.isatty() else Console(width=120)


def per_thousand(sample: Sample) -> float:
    """CPU milliseconds per 1,000 tokens."""
    return sample.cpu / max(sample.report.tokens, 1) * 1000


def per_round(sample: Sample, tokens: int = 128) -> float:
    """CPU milliseconds per tool round of so many tokens."""
    return sample.cpu / max(sample.report.tokens / tokens, 1)


def errors(sample: Sample) -> float:
    return sum(sample.report.errors.values())


def spread(samples: Samples, phase: str, server: str, measure: Callable[[Sample], float]) -> Spread | None:
    found = samples.get(phase, {}).get(server)
    return Spread.of([measure(sample) for sample in found]) if found else None


def ratio(samples: Samples, phase: str) -> Spread | None:
    """Turnstream's CPU in units of the floor's, round by round: what disturbed a round disturbed both."""
    both = samples.get(phase, {})
    pairs = zip(both.get(TURNSTREAM, []), both.get(FLOOR, []), strict=False)
    ratios = [per_thousand(ours) / per_thousand(floor) for ours, floor in pairs if per_thousand(floor)]
    return Spread.of(ratios) if ratios else None


def show(samples: Samples, console: Console) -> None:
    console.print(measures(samples))
    console.print(targets(samples))
    console.print(beside_peers(samples))


def measures(samples: Samples) -> Table:
    table = Table(title="This run: median (lowest to highest)")
    table.add_column("measure")
    servers = (TURNSTREAM, FLOOR, DIRECT)
    for server in servers:
        table.add_column(server, justify="right")
    for phase in samples:
        rows: list[tuple[str, Callable[[Sample], float]]] = [("CPU ms/1,000", per_thousand)]
        if phase == "tool":
            rows = [("CPU ms / round", per_round)]
        if phase.startswith("paced"):
            rows.append(("added p50, ms", lambda sample: sample.report.p50))
            rows.append(("added p99, ms", lambda sample: sample.report.p99))
        rows += [("peak RSS, MiB", lambda sample: sample.peak), ("errors", errors)]
        for title, measure in rows:
            table.add_row(f"{phase}: {title}", *(str(spread(samples, phase, one, measure) or "–") for one in servers))
        table.add_section()
    return table


def targets(samples: Samples) -> Table:
    table = Table(title="Targets")
    for column in ("what", "measured", "at most", ""):
        table.add_column(column)

    def ours(phase: str, measure: Callable[[Sample], float]) -> Spread | None:
        return spread(samples, phase, TURNSTREAM, measure)

    rows: list[tuple[str, Spread | None, float]] = [
        ("burst, × floor", ratio(samples, "burst"), 2.0),
        ("paced at 100 streams, × floor", ratio(samples, "paced-100"), 1.4),
        ("paced at 500 streams, × floor", ratio(samples, "paced-500"), 1.4),
        ("added p99 at 500 streams, ms", ours("paced-500", lambda sample: sample.report.p99), 10),
        ("errors at 500 streams", ours("paced-500", errors), 0),
        ("tool round, CPU ms", ours("tool", per_round), 5),
        ("peak RSS at 1,000 streams, MiB", ours("paced-1000", lambda sample: sample.peak), 100),
    ]
    for what, measured, limit in rows:
        verdict = "–" if measured is None else "[green]met[/]" if measured.median <= limit else "[red]missed[/]"
        table.add_row(what, str(measured or "–"), f"{limit:g}", verdict)
    return table


def this_run(samples: Samples) -> Peer | None:
    """Turnstream as a row of the peers' table."""
    burst = spread(samples, "burst", TURNSTREAM, per_thousand)
    paced = spread(samples, "paced-100", TURNSTREAM, per_thousand)
    p99 = spread(samples, "paced-100", TURNSTREAM, lambda sample: sample.report.p99)
    tool = spread(samples, "tool", TURNSTREAM, per_round)
    rss = spread(samples, "paced-100", TURNSTREAM, lambda sample: sample.peak)
    if burst is None or paced is None or p99 is None or tool is None or rss is None:
        return None
    return Peer("Turnstream, this run", burst.median, paced.median, p99.median, tool.median, rss.median)


def beside_peers(samples: Samples) -> Table:
    table = Table(
        title=f"Beside peers, measured in {peers.DATE} on another, slower machine: compare the × floor columns"
    )
    table.add_column("server")
    for column in ("burst", "× floor", "paced", "× floor", "p99 ms", "tool round ms", "RSS MiB"):
        table.add_column(column, justify="right")
    for peer in peers.PEERS:
        table.add_row(*row(peer, peer.burst / peers.FLOOR.burst, peer.paced / peers.FLOOR.paced))
    ours, burst, paced = this_run(samples), ratio(samples, "burst"), ratio(samples, "paced-100")
    if ours and burst and paced:
        table.add_section()
        table.add_row(*row(ours, burst.median, paced.median), style="bold")
    return table


def row(peer: Peer, burst: float, paced: float) -> list[str]:
    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"

    ratios = number(burst), number(paced)
    figures = (number(peer.p99), number(peer.tool), number(peer.rss))
    return [peer.name, number(peer.burst), ratios[0], number(peer.paced), ratios[1], *figures]
