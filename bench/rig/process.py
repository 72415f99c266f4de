"""Starting a measured process, and what it has used: CPU seconds and memory (Linux)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def announce(port: int) -> None:
    """A process of the rig says that it listens: its first line is its port."""
    print(port, flush=True)


async def until_terminated() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


def raise_file_limit() -> None:
    """As many open sockets as the machine allows: a thousand streams are two thousand."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cores() -> tuple[set[int], set[int]]:
    """The core of the server under test, and those of the rest of the rig. One core alone is shared by both."""
    every = sorted(os.sched_getaffinity(0))
    return {every[-1]}, set(every[:-1]) or {every[-1]}


class Process:
    """A process of this rig that has said where it listens."""

    def __init__(self, child: subprocess.Popen[str], port: int) -> None:
        self.pid = child.pid
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def cpu(self) -> float:
        """Seconds of user and system time of all threads so far: the process's own CPU clock, in nanosecond steps."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def forget_peak(self) -> None:
        """Begin a new peak of memory here."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        """The largest resident set since `forget_peak`, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def started(module: str, *arguments: str, on: Iterable[int]) -> Iterator[Process]:
    """``python -m module arguments`` on these cores, until the block is left."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as child:
        os.sched_setaffinity(child.pid, on)
        assert child.stdout is not None
        try:
            line = child.stdout.readline()
            if not line.strip().isdigit():
                raise RuntimeError(f"{module} did not start (said {line!r})")
            yield Process(child, int(line))
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
