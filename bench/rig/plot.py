"""The suite's samples as one picture: cost in units of the floor, and latency over the number of streams."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from bench.rig import peers
from bench.rig.tables import DIRECT, FLOOR, TURNSTREAM, Samples, ratio, spread

OURS, HERE, THEIRS = "#1f6feb", "#57606a", "#d0d7de"


def draw(samples: Samples, path: Path) -> None:
    figure, axes = pyplot.subplots(1, 3, figsize=(15, 4.8), width_ratios=(3, 3, 2.2), layout="constrained")
    for axis, phase, title in zip(axes, ("burst", "paced-100"), ("in a burst", "at 20 tokens/s × 100"), strict=False):
        cost(axis, samples, phase, f"CPU per token {title}, × floor")
    latency(axes[2], samples)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def cost(axis: Axes, samples: Samples, phase: str, title: str) -> None:
    here = {name: found for name in samples.get(phase, {}) if (found := ratio(samples, phase, server=name)) is not None}
    measured_here = {name.partition(" ")[0] for name in here}
    bars = [
        (peer.name.partition(":")[0], theirs(peer, phase), THEIRS)
        for peer in peers.PEERS
        if peer.name.partition(" ")[0] not in measured_here and not peer.name.startswith(FLOOR)
    ]
    bars += [(name, found.median, OURS if name == TURNSTREAM else HERE) for name, found in here.items()]
    bars.sort(key=lambda bar: bar[1], reverse=True)
    names, values, colours = zip(*bars, strict=True)
    drawn = axis.barh(range(len(bars)), values, color=colours)
    axis.bar_label(drawn, labels=[f"{value:.3g}" for value in values], padding=3, fontsize=8)
    axis.set(xscale="log", title=title, yticks=range(len(bars)), yticklabels=names)
    axis.margins(x=0.15)
    axis.set_xlabel(f"light: measured in {peers.DATE}, elsewhere", fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def theirs(peer: peers.Peer, phase: str) -> float:
    return peer.burst / peers.FLOOR.burst if phase == "burst" else peer.paced / peers.FLOOR.paced


def latency(axis: Axes, samples: Samples) -> None:
    streams = [int(phase.partition("-")[2]) for phase in samples if phase.startswith("paced-")]
    for server, colour in ((TURNSTREAM, OURS), (FLOOR, "#57606a"), (DIRECT, THEIRS)):
        found = [(n, spread(samples, f"paced-{n}", server, lambda sample: sample.report.p99)) for n in streams]
        points = [(n, value.median) for n, value in found if value is not None]
        if points:
            axis.plot(*zip(*points, strict=True), marker="o", color=colour, label=server)
    axis.set(title="added latency, p99, ms", xlabel="streams at 20 tokens/s", ylim=(0, None))
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
