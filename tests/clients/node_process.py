"""One Node.js process that drives the clients of that language: jobs go in, outcomes come out, a line each."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import shutil
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType

import msgspec
from msgspec import Struct

from tests.clients.job import Job, Outcome

FOLDER = Path(__file__).parent / "node"
INSTALL_SECONDS = 90


class NoNode(Exception):
    """The Node.js clients cannot run on this machine; the text says why."""


class _Order(Struct):
    id: int
    job: Job


class _Answer(Struct):
    id: int
    outcome: Outcome


def install() -> str:
    """The packages of the lock file, installed once for each version of that file; gives the path of ``node``."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NoNode("Node.js or npm is not installed")
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    stamp = FOLDER / "node_modules" / ".turnstream-stamp"
    with (FOLDER / ".stamp-lock").open("w") as lock:  # test processes run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _npm_ci(npm)
            stamp.write_text(wanted)
    return node


def _npm_ci(npm: str) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NoNode(f"npm ci did not end in {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        raise NoNode(f"npm ci failed: {done.stderr.strip()[-400:]}")


class NodeProcess:
    """Entering it installs the packages and starts the process; `run` may be called from any thread, many at once."""

    def __enter__(self) -> NodeProcess:
        self._process = subprocess.Popen(
            [install(), "main.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._ids = itertools.count()
        self._waiting: dict[int, Future[Outcome]] = {}
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._reader.join(5)
        assert self._process.stdout
        self._process.stdout.close()

    def run(self, job: Job) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        assert self._process.stdin
        with self._lock:
            order = _Order(next(self._ids), job)
            self._waiting[order.id] = future
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
        return future

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            answer = msgspec.json.decode(line, type=_Answer)
            with self._lock:
                future = self._waiting.pop(answer.id)
            future.set_result(answer.outcome)
        with self._lock:
            left, self._waiting = self._waiting, {}
        for future in left.values():
            future.set_exception(RuntimeError("the Node.js process ended"))
