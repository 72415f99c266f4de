"""How long an import takes, and what memory, beside an interpreter that imports nothing."""

from __future__ import annotations

import subprocess
import sys

from msgspec import Struct, json
from rich.table import Table

from bench.rig.measure import Spread
from bench.rig.process import ROOT
from bench.rig.tables import wide_console

MODULES = ("turnstream", "turnstream.agent", "turnstream.config", "turnstream.server", "turnstream.cli")
BUDGET = {"turnstream": 200.0}
"""Milliseconds at most."""
HEAVY = ("pydantic", "fastapi", "aiohttp", "jinja2", "matplotlib", "rich")

SCRIPT = """
import sys, time
start = time.perf_counter()
if {module!r}:
    __import__({module!r})
seconds = time.perf_counter() - start
import json
from pathlib import Path
heavy = [name for name in {heavy!r} if name in sys.modules]
status = Path("/proc/self/status").read_text()
peak = int(status.partition("VmHWM:")[2].split()[0])
print(json.dumps({{"milliseconds": seconds * 1000, "modules": len(sys.modules), "heavy": heavy, "rss": peak / 1024}}))
"""


class Import(Struct, frozen=True):
    """``rss`` is the process's peak in MiB; ``heavy`` are those of `HEAVY` that came along."""

    milliseconds: float
    modules: int
    heavy: list[str]
    rss: float


def measure(module: str) -> Import:
    script = SCRIPT.format(module=module, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return json.decode(done.stdout, type=Import)


def run(quick: bool) -> None:
    table = Table(title="A first import in a fresh process: median (lowest to highest)")
    for column in ("module", "ms", "at most", "modules", "peak RSS, MiB", "brings along"):
        table.add_column(column)
    for module in ("", *MODULES):
        found = [measure(module) for _ in range(3 if quick else 7)]
        took = Spread.of([one.milliseconds for one in found])
        limit = f"{BUDGET[module]:g}" if module in BUDGET else "–"
        rss = Spread.of([one.rss for one in found])
        heavy = ", ".join(found[0].heavy) or "–"
        table.add_row(module or "(nothing)", str(took), limit, str(found[0].modules), f"{rss.median:.1f}", heavy)
    wide_console().print(table)
