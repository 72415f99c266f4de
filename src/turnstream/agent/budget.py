"""What one run may use. No clock: the time comes in."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from turnstream import messages, protocols, usage


class Budget(Struct, frozen=True, kw_only=True):
    """The most that one run may use: ``tokens`` of all its model calls, ``cost`` in US dollars where the price of its
    models is known, ``tool_calls`` and ``seconds``. None: unlimited.

    A run that has used it up ends as incomplete, with what it has (finish reason ``length``).
    """

    tokens: int | None = None
    cost: float | None = None
    tool_calls: int | None = None
    seconds: float | None = None


class Spending:
    """What a run has used of its ``budget``, and of what its ``meter`` counts for it and others. ``spent`` says in
    words what is used up, None while the run may go on. ``before`` is what earlier owners of the run have used.
    """

    def __init__(
        self,
        budget: Budget | None,
        now: float,
        meter: protocols.Meter | None = None,
        before: usage.Usage | None = None,
    ) -> None:
        self._budget = budget or Budget()
        self._meter = meter
        self._counted = before or usage.Usage()
        self._began = now
        self.spent: str | None = None

    def check(self, used: usage.Usage, now: float) -> bool:
        """Whether the run must end. ``used`` is that of all its model calls so far."""
        if self._meter is not None:
            self._count(self._meter, used)
        if self.spent is not None:
            return True
        tokens, cost, seconds = self._budget.tokens, self._budget.cost, self._budget.seconds
        if tokens is not None and used.total >= tokens:
            self.spent = f"the run's budget of {tokens} tokens is used up"
        elif cost is not None and used.cost is not None and used.cost >= cost:
            self.spent = f"the run's budget of {cost:g} dollars is used up"
        elif seconds is not None and now - self._began >= seconds:
            self.spent = f"the run's budget of {seconds:g} seconds is used up"
        elif self._meter is not None:
            self.spent = self._meter.find_spent()
        return self.spent is not None

    def _count(self, meter: protocols.Meter, used: usage.Usage) -> None:
        tokens, cost = used.total - self._counted.total, (used.cost or 0.0) - (self._counted.cost or 0.0)
        if tokens > 0 or cost > 0:
            self._counted = used
            meter.count(tokens, cost, 0)

    def limit_calls(self, before: int, wanted: int) -> tuple[int, str] | None:
        """How many of the ``wanted`` tool calls may be executed, and why no more; None: as many as there are.
        ``before`` have been."""
        if self.spent is not None:
            return 0, self.spent
        most = self._budget.tool_calls
        if most is not None and before + wanted > most:
            self.spent = f"the run's budget of {most} tool calls is used up"
            return max(0, most - before), self.spent
        left = None if self._meter is None else self._meter.calls_left()
        if left is None or wanted <= left[0]:
            return None
        self.spent = left[1]
        return left

    def count_calls(self, executed: int) -> None:
        if self._meter is not None and executed:
            self._meter.count(0, 0.0, executed)


def limit_calls(
    calls: Sequence[messages.ToolCall], before: int, most: int, in_all: int | None, spending: Spending | None
) -> Sequence[messages.ToolCall]:
    """The calls of a step, of which those past a limit are not executed: the model hears why. ``most`` is that of one
    step, ``in_all`` that of the request, of which ``before`` have been."""
    limits = [(most, f"one step may have {most} tool calls")]
    if in_all is not None:
        limits.append((max(0, in_all - before), f"the request allows {in_all} tool calls"))
    if spending is not None and (limit := spending.limit_calls(before, min(most, len(calls)))):
        limits.append(limit)
    left, why = min(limits)
    if spending is not None:
        spending.count_calls(min(left, len(calls)))
    if len(calls) <= left:
        return calls
    late = (msgspec.structs.replace(call, malformed=call.malformed or why) for call in calls[left:])
    return (*calls[:left], *late)
