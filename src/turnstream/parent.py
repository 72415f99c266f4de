"""The parent of several workers: it starts them, tells them to stop, and replaces those that end.

It loads nothing of what serves, so it is small: ``turnstream serve`` becomes it when all is checked.
"""

from __future__ import annotations

import contextlib
import glob
import json
import logging
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from turnstream import redaction, workers
from turnstream.telemetry import logs

log = logging.getLogger("turnstream.workers")

YOUNG = 10.0  # seconds: a worker that ends before has had no good start
LONGEST_PAUSE = 30.0  # seconds between two starts of a worker that keeps ending
LAST_WORDS = 15.0  # seconds beyond the grace after which a worker is killed


class Backoff:
    """How long to wait before a worker is started again: not at all, unless it keeps ending when it is young."""

    def __init__(self) -> None:
        self._early_ends = 0

    def pause(self, age: float) -> float:
        self._early_ends = self._early_ends + 1 if age < YOUNG else 0
        return min(LONGEST_PAUSE, 2.0 ** (self._early_ends - 2)) if self._early_ends > 1 else 0.0


class _Worker:
    """One place among the workers: its number, its socket, and the process that has it now."""

    def __init__(self, number: int, listener: socket.socket, owns: bool) -> None:
        self.number = number
        self.listener = listener
        self.owns = owns  # the socket is its own, and not that of all
        self.process: subprocess.Popen[bytes] | None = None
        self.link: socket.socket | None = None
        self.ready = False
        self.reloads = False  # it was told to reload before it was ready
        self.began = self.due = 0.0
        self._backoff = Backoff()
        self._address = listener.getsockname()

    def start(self, plan: workers.Plan, environ: dict[str, str]) -> socket.socket:
        """Its link."""
        if self.listener.fileno() < 0:
            self._reopen()
        link, theirs = socket.socketpair()
        with theirs:
            passed = (self.listener.fileno(), theirs.fileno())
            place = ":".join(map(str, (self.number, *passed)))
            # A group of its own keeps the terminal's Ctrl-C from it.
            self.process = subprocess.Popen(
                [*plan.command, "--worker", place, *plan.arguments], pass_fds=passed, env=environ, process_group=0
            )
        link.setblocking(False)
        self.link, self.ready, self.began = link, False, time.monotonic()
        return link

    def hear(self) -> bytes:
        assert self.link is not None
        try:
            return self.link.recv(1)
        except OSError:  # it was killed with something unread
            return b""

    def end(self) -> None:
        """Its process has ended: when to start the next. Meanwhile no connection waits for it if that takes long."""
        assert self.link is not None
        self.link.close()
        self.process = self.link = None
        now = time.monotonic()
        pause = self._backoff.pause(now - self.began)
        self.due = now + pause
        if pause and self.owns:
            self.listener.close()

    def tell(self, order: bytes) -> None:
        if self.link is not None:
            with contextlib.suppress(OSError):  # it is ending
                self.link.send(order)

    def _reopen(self) -> None:
        """The worker listens when it is ready: no connection waits for one that may end before."""
        with self.listener as old:
            self.listener = socket.socket(old.family, socket.SOCK_STREAM)
        workers.bind(self.listener, self._address)


class Parent:
    """Runs the workers until it is told to stop, or until the first of them cannot start."""

    def __init__(self, plan: workers.Plan, environ: dict[str, str]) -> None:
        self._plan, self._environ = plan, environ
        self._selector = selectors.DefaultSelector()
        sockets = [socket.socket(fileno=descriptor) for descriptor in plan.listeners]
        owns = len(sockets) > 1
        for listener in sockets:
            listener.set_inheritable(False)
        self._workers = [_Worker(n + 1, sockets[n if owns else 0], owns) for n in range(plan.count)]
        self._was_ready = False
        self._orders = 0
        self._deadline = float("inf")
        self._status = 0

    def run(self) -> int:
        """The exit status."""
        with self._selector, _signals(self._selector) as received:
            for worker in self._workers:
                self._start(worker)
            while any(worker.process for worker in self._workers) or not self._orders:
                for key, _ in self._selector.select(self._patience()):
                    if isinstance(key.data, _Worker):
                        self._hear(key.data)
                for number in received():
                    self._take_signal(number)
                self._look()
        return self._status

    def _start(self, worker: _Worker) -> None:
        try:
            link = worker.start(self._plan, self._environ)
        except OSError as error:
            log.error("worker %d cannot be started: %s", worker.number, error)
            worker.due = time.monotonic() + LONGEST_PAUSE
        else:
            self._selector.register(link, selectors.EVENT_READ, worker)

    def _patience(self) -> float | None:
        """Signals and links say when something is to be done, but for what is due."""
        if self._orders:
            return max(0.0, self._deadline - time.monotonic()) or 0.1
        due = [worker.due for worker in self._workers if worker.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _take_signal(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop()
        elif number == signal.SIGHUP and not self._orders:
            for worker in self._workers:
                if worker.ready and worker.process is not None:
                    worker.process.send_signal(signal.SIGHUP)
                else:
                    worker.reloads = True

    def _stop(self) -> None:
        """The first order drains, the second ends the grace, the third waits for nothing."""
        order = workers.ORDERS[min(self._orders, len(workers.ORDERS) - 1)]
        if not self._orders:
            log.info("stopping %d workers", len(self._workers))
            self._deadline = time.monotonic() + self._plan.grace + LAST_WORDS
            for worker in self._workers:
                worker.listener.close()
        self._orders += 1
        for worker in self._workers:
            worker.tell(order)

    def _look(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if worker.process is None:
                if not self._orders and now >= worker.due:
                    self._start(worker)
                continue
            if (code := worker.process.poll()) is not None:
                self._take_end(worker, code)
            elif now > self._deadline:
                worker.process.kill()

    def _hear(self, worker: _Worker) -> None:
        """It is ready, or gone."""
        if worker.link is None or worker.process is None:
            return
        if worker.hear() != workers.READY:
            self._selector.unregister(worker.link)
            return
        worker.ready = self._was_ready = True
        log.info("worker %d is ready: process %d", worker.number, worker.process.pid)
        if worker.reloads:
            worker.reloads = False
            worker.process.send_signal(signal.SIGHUP)

    def _take_end(self, worker: _Worker, code: int) -> None:
        assert worker.process is not None
        self._forget_gauges(worker.process.pid)
        if worker.link is not None and worker.link in self._selector.get_map():
            self._selector.unregister(worker.link)
        worker.end()
        if self._orders:
            if code and not self._status:
                self._status = code if code > 0 else 1
                log.error("worker %d ended with %s", worker.number, describe(code))
        elif not self._was_ready and code > 0:
            self._status = code  # what is wrong with it will be wrong with the others
            self._stop()
        else:
            pause = worker.due - time.monotonic()
            when = f" in {pause:.0f} s" if pause > 0 else ""
            level = logging.ERROR if code else logging.INFO
            log.log(level, "worker %d ended with %s; it is replaced%s", worker.number, describe(code), when)

    def _forget_gauges(self, pid: int) -> None:
        """What a process that is gone has at the moment is nothing; what it counted stays."""
        if folder := self._environ.get(workers.METRICS) if self._plan.metrics else None:
            for path in glob.glob(os.path.join(glob.escape(folder), f"gauge_live*_{pid}.db")):
                os.unlink(path)


def describe(code: int) -> str:
    if code >= 0:
        return f"status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


@contextlib.contextmanager
def _signals(selector: selectors.BaseSelector) -> Iterator[Callable[[], list[int]]]:
    """Wakes the selector, and gives a function that says which signals came since it was last asked."""
    ours, theirs = socket.socketpair()
    pending: list[int] = []
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(False)
        selector.register(ours, selectors.EVENT_READ)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda number, _: pending.append(number))

        def received() -> list[int]:
            with contextlib.suppress(BlockingIOError):
                while ours.recv(64):
                    pass
            taken = pending[:]
            del pending[: len(taken)]
            return taken

        yield received


def main(text: str) -> int:
    plan = workers.Plan(**json.loads(text))
    environ = dict(os.environ)
    logs.set_up(plan.level, plan.format, sys.stderr, {*redaction.collect(environ), *redaction.collect(plan.arguments)})
    folder = tempfile.mkdtemp(prefix="turnstream-metrics-") if plan.metrics and workers.METRICS not in environ else None
    if folder is not None:
        environ[workers.METRICS] = folder
    try:
        return Parent(plan, environ).run()
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
