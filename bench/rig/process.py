"""Starting a measured process, and what it has used: CPU seconds and memory (Linux)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
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
    """A process that has said where it listens."""

    def __init__(self, child: subprocess.Popen[str], port: int) -> None:
        self.pid = child.pid
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def cpu(self) -> float:
        """Seconds of user and system time of all threads so far: the process's own CPU clock, in nanosecond steps."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident(self) -> float:
        """The resident set now, in MiB."""
        return self._status("VmRSS")

    def forget_peak(self) -> None:
        """Begin a new peak of memory here."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        """The largest resident set since `forget_peak`, in MiB."""
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def started(module: str, *arguments: str, on: Iterable[int], python: str = sys.executable) -> Iterator[Process]:
    """``python -m module arguments`` on these cores, until the block is left. It announces its port."""
    command = [python, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as child:
        os.sched_setaffinity(child.pid, on)
        assert child.stdout is not None
        with ending(child):
            line = child.stdout.readline()
            if not line.strip().isdigit():
                raise RuntimeError(f"{module} did not start (said {line!r})")
            yield Process(child, int(line))


@contextlib.contextmanager
def commanded(command: Sequence[str], folder: Path, listens: str, on: Iterable[int]) -> Iterator[Process]:
    """A command on these cores, until the block is left. Its log, a file in the folder, says by the expression
    ``listens`` on which port it does; it is written as a service's journal is."""
    path = folder / "log"
    with path.open("w") as log:
        child = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, text=True)
    with child:
        os.sched_setaffinity(child.pid, on)
        with ending(child):
            while not (found := re.search(listens, path.read_text())):
                if child.poll() is not None:
                    raise RuntimeError(f"{command} did not start: {path.read_text()}")
                time.sleep(0.002)
            yield Process(child, int(found[1]))


@contextlib.contextmanager
def ending(child: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()


@contextlib.contextmanager
def environment(**variables: str) -> Iterator[None]:
    """What is started within has these variables."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
