"""What is counted, in plain numbers first: to enter one into a metric takes its lock and looks its labels up, which for
the twenty numbers of a run costs more than all else that is done about them. So they are added up here and entered
together, by the thread that counts: twice a second, and whenever somebody reads.

Where other processes read what this one counts (``shared``), each number is entered at once: they cannot ask for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from prometheus_client import Counter, Gauge, Histogram

M = TypeVar("M", Counter, Gauge, Histogram)
Values: TypeAlias = tuple[object, ...]


class _Tally(Generic[M]):
    def __init__(self, metric: M, *, shared: bool = False) -> None:
        self._metric: M = metric
        self._shared = shared
        self._children: dict[Values, M] = {}

    def _child(self, values: Values) -> M:
        """At a tenth of what the metric itself takes to find it. There are as many as label values."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values)
        return child


class Counts(_Tally[Counter]):
    """Of a counter, by the values of its labels."""

    def __init__(self, metric: Counter, *, shared: bool = False) -> None:
        super().__init__(metric, shared=shared)
        self._rows: dict[Values, float] = {}

    def add(self, *values: object, amount: float = 1.0) -> None:
        if self._shared:
            self._child(values).inc(amount)
        else:
            self._rows[values] = self._rows.get(values, 0.0) + amount

    def enter(self) -> None:
        rows, self._rows = self._rows, {}
        for values, amount in rows.items():
            self._child(values).inc(amount)


class Levels(_Tally[Gauge]):
    """Of a gauge, by the values of its labels."""

    def __init__(self, metric: Gauge, *, shared: bool = False) -> None:
        super().__init__(metric, shared=shared)
        self._levels: dict[Values, int] = {}

    def add(self, change: int, *values: object) -> None:
        if self._shared:
            self._child(values).inc(change)
        else:
            self._levels[values] = self._levels.get(values, 0) + change

    def enter(self) -> None:
        for values, level in self._levels.items():
            self._child(values).set(level)


class Row:
    """What a histogram has seen for some values of its labels: the count of each bucket, and the sum. Whoever adds to
    it often keeps it."""

    __slots__ = ("_bounds", "_child", "_counts", "_shared", "_sum")

    def __init__(self, bounds: Sequence[float], child: Any, shared: bool) -> None:
        self._bounds, self._child, self._shared = bounds, child, shared
        self._counts, self._sum = [0] * (len(bounds) + 1), 0.0

    def add(self, seconds: float) -> None:
        if self._shared:
            self._child.observe(seconds)
            return
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def enter(self) -> None:
        if not any(self._counts):
            return
        self._child._sum.inc(self._sum)
        for bucket, count in zip(self._child._buckets, self._counts, strict=True):
            if count:
                bucket.inc(count)
        self._counts, self._sum = [0] * len(self._counts), 0.0


class Times(_Tally[Histogram]):
    def __init__(self, metric: Histogram, bounds: Sequence[float], *, shared: bool = False) -> None:
        super().__init__(metric, shared=shared)
        self._bounds = tuple(bounds)
        self._rows: dict[Values, Row] = {}

    def row(self, *values: object) -> Row:
        row = self._rows.get(values)
        if row is None:
            row = self._rows[values] = Row(self._bounds, self._child(values), self._shared)
        return row

    def enter(self) -> None:
        for row in self._rows.values():
            row.enter()
