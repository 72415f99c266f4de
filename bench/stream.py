"""What a streamed token costs: CPU, added latency and memory of the server, beside a byte pass-through.

Two servers on the same stack stand between one mock upstream and one load generator, and are measured in turn, round
by round: the floor, which passes bytes on, and Turnstream, which runs an agent. The server has a core of its own
where the machine has two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.rig import plot, tables
from bench.rig.load import Job
from bench.rig.measure import RESULTS, Sample, conditions, measure
from bench.rig.plan import Mode
from bench.rig.process import Process, cores, started
from bench.rig.tables import DIRECT, FLOOR, TURNSTREAM, Samples, wide_console

SERVERS = {FLOOR: "bench.rig.floor", TURNSTREAM: "bench.rig.product"}


class Phase(Struct, frozen=True):
    """One kind of load. ``once`` is for what need not be repeated; ``servers`` for those that it says something of."""

    name: str
    mode: Mode
    connections: int
    requests: int
    tokens: int
    rate: float = 0.0
    ramp: float = 0.0
    once: bool = False
    servers: tuple[str, ...] = (FLOOR, TURNSTREAM)

    def job(self, port: int) -> Job:
        return Job(port, self.mode, self.connections, self.requests, self.tokens, self.rate, self.ramp)


def phases(quick: bool) -> list[Phase]:
    """Streams begin 100 a second, so that a start is measured but does not drown what follows."""
    tokens = 100 if quick else 200
    every = (DIRECT, FLOOR, TURNSTREAM)
    return [
        Phase("burst", "burst", 4, 25 if quick else 50, 512),
        Phase("paced-100", "paced", 100, 1, tokens, 20, 1, servers=every),
        Phase("paced-500", "paced", 500, 1, tokens, 20, 5, servers=every),
        Phase("tool", "tool", 4, 25 if quick else 50, 128, servers=(TURNSTREAM,)),
        Phase("paced-1000", "paced", 1000, 1, tokens, 20, 10, once=True),
    ]


def run(quick: bool) -> None:
    console = wide_console()
    samples = collect(2 if quick else 5, phases(quick), console)
    result = {"conditions": conditions(), "quick": quick, "samples": samples}
    tables.show(samples, console)
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "stream.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
        plot.draw(samples, RESULTS / "stream.png")
        console.print(f"written: {RESULTS / 'stream.json'} and stream.png")


def collect(rounds: int, phases: list[Phase], console: Console) -> Samples:
    """Every phase on every server in turn, round by round."""
    samples: Samples = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as stack, Progress(*columns, console=console, transient=True) as progress:
        server_cores, other_cores = cores()
        upstream = stack.enter_context(started("bench.rig.upstream", on=other_cores))
        servers = {DIRECT: upstream}
        for name, module in SERVERS.items():
            servers[name] = stack.enter_context(started(module, upstream.url, on=server_cores))
            warm_up(servers[name], name, other_cores)
        todo = list(schedule(rounds, phases))
        task = progress.add_task("", total=len(todo))
        for number, phase, name in todo:
            progress.update(task, description=f"round {number}  {phase.name}  {name}")
            sample = measure(servers[name], phase.job(servers[name].port), other_cores)
            samples.setdefault(phase.name, {}).setdefault(name, []).append(sample)
            complain(console, phase, name, sample)
            progress.advance(task)
    return samples


def schedule(rounds: int, phases: list[Phase]) -> Iterator[tuple[int, Phase, str]]:
    for number in range(1, rounds + 1):
        for phase in phases:
            if number == rounds or not phase.once:
                yield from ((number, phase, name) for name in phase.servers)


def warm_up(server: Process, name: str, on: set[int]) -> None:
    measure(server, Job(server.port, "burst", 4, 5, 512), on)
    if name == TURNSTREAM:
        measure(server, Job(server.port, "tool", 4, 5, 128), on)


def complain(console: Console, phase: Phase, name: str, sample: Sample) -> None:
    for sentence, count in sample.report.errors.items():
        console.print(f"[red]{name}, {phase.name}: {count} × {sentence[:300]}[/]")
