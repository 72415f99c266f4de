"""What one run may use. No clock: the time comes in."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from turnstream import messages, usage


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
    """What a run has used of its budget. ``spent`` says in words what is used up, None while the run may go on."""

    def __init__(self, budget: Budget, now: float) -> None:
        self._budget = budget
        self._began = now
        self.spent: str | None = None

    def check(self, used: usage.Usage, now: float) -> bool:
        """Whether the run must end. ``used`` is that of all its model calls so far."""
        if self.spent is not None:
            return True
        tokens, cost, seconds = self._budget.tokens, self._budget.cost, self._budget.seconds
        if tokens is not None and used.total >= tokens:
            self.spent = f"the run's budget of {tokens} tokens is used up"
        elif cost is not None and used.cost is not None and used.cost >= cost:
            self.spent = f"the run's budget of {cost:g} dollars is used up"
        elif seconds is not None and now - self._began >= seconds:
            self.spent = f"the run's budget of {seconds:g} seconds is used up"
        return self.spent is not None

    def limit_calls(self, before: int, wanted: int) -> tuple[int, str] | None:
        """How many of the ``wanted`` tool calls may be executed, and why no more; None: as many as there are.
        ``before`` have been."""
        if self.spent is not None:
            return 0, self.spent
        most = self._budget.tool_calls
        if most is None or before + wanted <= most:
            return None
        self.spent = f"the run's budget of {most} tool calls is used up"
        return max(0, most - before), self.spent


def mark_late(calls: Sequence[messages.ToolCall], left: int, why: str) -> Sequence[messages.ToolCall]:
    """The calls, of which those after the first ``left`` are not executed: the model hears why."""
    if len(calls) <= left:
        return calls
    late = (msgspec.structs.replace(call, malformed=call.malformed or why) for call in calls[left:])
    return (*calls[:left], *late)
