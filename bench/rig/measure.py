"""One measurement: a load on a server, and what the server used for it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct

from bench.rig.load import Job, Report
from bench.rig.process import ROOT, Process

RESULTS = ROOT / "bench" / "results"


class Sample(Struct, frozen=True):
    """``cpu`` is in milliseconds, for the whole job; ``peak`` in MiB; the report's latencies in milliseconds."""

    cpu: float
    peak: float
    report: Report


def measure(server: Process, job: Job, on: Iterable[int]) -> Sample:
    """Put the job's load on the server from a process on these cores."""
    server.forget_peak()
    before = server.cpu()
    report = load(job, on)
    return Sample((server.cpu() - before) * 1000, server.peak(), report)


def load(job: Job, on: Iterable[int]) -> Report:
    command = [sys.executable, "-m", "bench.rig.load", msgspec.json.encode(job).decode()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as child:
        os.sched_setaffinity(child.pid, on)
        out, _ = child.communicate()
    if child.returncode:
        raise RuntimeError(f"the load generator ended with {child.returncode}")
    return msgspec.json.decode(out, type=Report)


class Spread(Struct, frozen=True):
    """A median and the range that it comes from."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(float(median(values)), float(min(values)), float(max(values)))

    def __str__(self) -> str:
        whole = self.median.is_integer() and self.low.is_integer() and self.high.is_integer()
        digits = 0 if whole or self.median >= 100 else 1 if self.median >= 10 else 2
        if self.low == self.high:
            return f"{self.median:.{digits}f}"
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def conditions() -> dict[str, Any]:
    """When and on what something was measured. The load average says who else was at work on the machine."""
    libraries = ("aiohttp", "msgspec", "orjson", "uvicorn", "uvloop")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "python": platform.python_version(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "libraries": {name: version(name) for name in libraries},
    }


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
