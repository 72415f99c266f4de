"""How long a server takes from its start to the first token of its first answer, and what memory it has then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from msgspec import Struct

from bench.rig.load import Job
from bench.rig.measure import load
from bench.rig.process import Process


class Start(Struct, frozen=True):
    """``ready`` in milliseconds, ``resident`` in MiB."""

    ready: float
    resident: float


def measure_start(start: Callable[[], AbstractContextManager[Process]], on: Iterable[int]) -> Start:
    """The load generator's own start is not counted: what the server needed until it listened, and for one answer."""
    began = time.monotonic()
    with start() as server:
        listens = time.monotonic() - began
        report = load(Job(server.port, "burst", 1, 1, 1), on)
        if report.errors:
            raise RuntimeError(f"no answer after the start: {report.errors}")
        return Start((listens + report.first / 1000) * 1000, server.resident())
