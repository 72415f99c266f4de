"""What a streamed token, a request and a server cost: CPU, latency, memory, start, beside a byte pass-through.

Servers stand between one mock upstream and one load generator, and are measured in turn, round by round: the floor,
which passes bytes on, the command ``turnstream serve``, and with ``peers`` what is installed of them. The server under
test has a core of its own where the machine has two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.rig import document, peers, plot, product, tables
from bench.rig.load import Job
from bench.rig.measure import RESULTS, Sample, conditions, measure
from bench.rig.plan import KEPT, MANY_TOOLS, PLAIN, Mode
from bench.rig.process import Process, cores, started
from bench.rig.start import Start, measure_start
from bench.rig.tables import DIRECT, FLOOR, TURNSTREAM, Run, wide_console

BOTH = (FLOOR, TURNSTREAM)
EVERY = (DIRECT, FLOOR, TURNSTREAM)
OURS = (TURNSTREAM,)


class Phase(Struct, frozen=True):
    """One kind of load. ``once`` is for what need not be repeated; ``servers`` for those that it says something of;
    ``beside_peers``: they are measured too. ``apart``: at a second server of ours, which has several agents, so that
    the memory of the first is that of one agent."""

    name: str
    mode: Mode
    connections: int
    requests: int
    tokens: int
    rate: float = 0.0
    ramp: float = 0.0
    once: bool = False
    servers: tuple[str, ...] = BOTH
    beside_peers: bool = False
    agent: str = PLAIN
    history: int = 0
    beside: int = 0
    apart: bool = False

    def job(self, port: int) -> Job:
        return Job(
            port,
            self.mode,
            self.connections,
            self.requests,
            self.tokens,
            self.rate,
            self.ramp,
            agent=self.agent,
            history=self.history,
            beside=self.beside,
        )


def phases(quick: bool) -> list[Phase]:
    """What is compared with each other stands side by side: a machine's speed changes within a minute. Streams begin
    100 a second, so that a start is measured but does not drown what follows; in the phases that are about starts all
    begin within 1.5 seconds."""
    tokens, few = (100, 120) if quick else (200, 600)
    return [
        Phase("burst", "burst", 4, 25 if quick else 50, 512, beside_peers=True),
        Phase("request", "burst", 4, few, 1, beside_peers=True),
        Phase("tool", "tool", 4, few // 4, 128, servers=OURS, beside_peers=True),
        Phase("tools-200", "burst", 4, few // 2, 1, servers=OURS, agent=MANY_TOOLS, apart=True),
        Phase("paced-100", "paced", 100, 1, tokens, 20, 1, servers=EVERY, beside_peers=True),
        Phase("unkept-100", "paced", 100, 1, tokens, 20, 1, servers=OURS, apart=True),
        Phase("kept-100", "paced", 100, 1, tokens, 20, 1, servers=OURS, agent=KEPT, apart=True),
        Phase("paced-500", "paced", 500, 1, tokens, 20, 5, servers=EVERY),
        Phase("start-500", "paced", 500, 1, 20, 20, 1.5, servers=EVERY),
        Phase("start-1000", "paced", 1000, 1, 20, 20, 1.5, servers=EVERY),
        Phase("history-1000", "burst", 2, few // 12, 1, history=1000, apart=True),
        Phase("history-10000", "burst", 1, few // 24, 1, history=10_000, apart=True),
        Phase("beside-10000", "paced", 20, 1, 60, 20, beside=10_000, servers=EVERY, apart=True),
        Phase("paced-1000", "paced", 1000, 1, tokens, 20, 10, once=True),
    ]


def run(quick: bool, write: bool = False, peers_too: bool = False) -> None:
    console = wide_console()
    found = collect(2 if quick else 5, phases(quick), console, peers.available() if peers_too else [])
    result = Run(conditions(), quick, found.samples, found.starts)
    tables.show(result, console)
    if write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "stream.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
        plot.draw(result.samples, document.PICTURE)
        document.write(result)
        console.print(f"written: {RESULTS / 'stream.json'}, {document.PICTURE} and {document.PAGE}")


class Found(Struct):
    samples: tables.Samples = msgspec.field(default_factory=dict)
    starts: dict[str, list[Start]] = msgspec.field(default_factory=dict)


def collect(rounds: int, phases: list[Phase], console: Console, others: Sequence[peers.Installed]) -> Found:
    """Every phase on every server in turn, round by round."""
    found = Found()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as stack, Progress(*columns, console=console, transient=True) as progress:
        server_cores, other_cores = cores()
        upstream = stack.enter_context(started("bench.rig.upstream", on=other_cores))
        starts: dict[str, Callable[[], AbstractContextManager[Process]]] = {
            FLOOR: partial(started, "bench.rig.floor", upstream.url, on=server_cores),
            TURNSTREAM: partial(product.serving, upstream.url, server_cores),
            **{peer.name: partial(peer.serving, upstream.url, server_cores) for peer in others},
        }
        servers = {DIRECT: upstream} | {name: stack.enter_context(start()) for name, start in starts.items()}
        second = stack.enter_context(product.serving(upstream.url, server_cores, several=True))
        for name, server in (*servers.items(), (TURNSTREAM, second)):
            warm_up(server, name, other_cores)
        todo = list(schedule(rounds, phases, others))
        task = progress.add_task("", total=len(todo) + rounds)
        for number in range(1, rounds + 1):
            for name in BOTH:
                found.starts.setdefault(name, []).append(measure_start(starts[name], other_cores))
            progress.advance(task)
            for phase, name in [(phase, name) for at, phase, name in todo if at == number]:
                progress.update(task, description=f"round {number}  {phase.name}  {name}")
                server = second if phase.apart and name == TURNSTREAM else servers[name]
                sample = measure(server, phase.job(server.port), other_cores)
                found.samples.setdefault(phase.name, {}).setdefault(name, []).append(sample)
                complain(console, phase, name, sample)
                progress.advance(task)
    return found


def schedule(
    rounds: int, phases: list[Phase], others: Sequence[peers.Installed] = ()
) -> Iterator[tuple[int, Phase, str]]:
    for number in range(1, rounds + 1):
        for phase in phases:
            if number == rounds or not phase.once:
                beside = [
                    peer.name for peer in others if phase.beside_peers and (peer.is_agent or phase.mode != "tool")
                ]
                yield from ((number, phase, name) for name in (*phase.servers, *beside))


def warm_up(server: Process, name: str, on: set[int]) -> None:
    measure(server, Job(server.port, "burst", 4, 5, 512), on)
    if name not in (DIRECT, FLOOR):
        measure(server, Job(server.port, "tool", 4, 5, 128), on)


def complain(console: Console, phase: Phase, name: str, sample: Sample) -> None:
    for sentence, count in sample.report.errors.items():
        console.print(f"[red]{name}, {phase.name}: {count} × {sentence[:300]}[/]")
