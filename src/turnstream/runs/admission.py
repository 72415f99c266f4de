"""Who may start a run now, and what it may use: rates for each minute, budgets of principals for a day and of threads.

A budget is counted while the run goes on (`Meter`), by all runs that share it at once. It is checked between two model
calls and before tools are called, so a run goes beyond it by its last model call at most.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

from msgspec import Struct

from turnstream import errors, limits, protocols, requests
from turnstream.runs.ledger import Ledger

if TYPE_CHECKING:
    from typing import Self

    from turnstream.runs.rates import Rates

log = logging.getLogger(__name__)

DAY = 86_400.0
THREAD_LIFETIME = 90 * DAY
WINDOW_LIFETIME = 120.0  # of a minute's number, which counts in the next minute too
MICRO = 1_000_000
_NOTHING = limits.Limits()


class Budget(Struct, frozen=True):
    """One of the numbers that a run counts into. ``renews_at`` is in seconds since the epoch, None: never."""

    name: str
    kind: str  # tokens, cost or tool_calls
    most: float
    whose: str
    lifetime: float
    renews_at: float | None = None

    def describe_spent(self) -> str:
        amount = f"{self.most:g} dollars" if self.kind == "cost" else f"{self.most:g} {self.kind.replace('_', ' ')}"
        return f"the budget of {amount} {self.whose} is used up"


class Meter:
    """See `protocols.Meter`. ``tokens`` says which numbers of this minute tokens are added to."""

    def __init__(self, ledger: Ledger, budgets: Sequence[Budget], tokens: Callable[[], Sequence[str]]) -> None:
        self._ledger, self._budgets, self._tokens = ledger, budgets, tokens

    def count(self, tokens: int, cost: float, tool_calls: int) -> None:
        used = {"tokens": tokens, "cost": round(cost * MICRO), "tool_calls": tool_calls}
        for budget in self._budgets:
            self._ledger.charge({budget.name: used[budget.kind]}, budget.lifetime)
        if tokens and (names := self._tokens()):
            self._ledger.charge(dict.fromkeys(names, tokens), WINDOW_LIFETIME)

    def find_spent(self) -> str | None:
        budget = self.find_spent_budget()
        return None if budget is None else budget.describe_spent()

    def find_spent_budget(self) -> Budget | None:
        """The first that is used up. Calls are not: a run may go on without any."""
        return next((each for each in self._budgets if each.kind != "tool_calls" and self._count_left(each) <= 0), None)

    def calls_left(self) -> tuple[int, str] | None:
        left = [
            (max(0, int(self._count_left(each))), each.describe_spent())
            for each in self._budgets
            if each.kind == "tool_calls"
        ]
        return min(left, default=None)

    def _count_left(self, budget: Budget) -> float:
        used = self._ledger.total(budget.name)
        return budget.most - (used / MICRO if budget.kind == "cost" else used)


class Admitted(Struct, frozen=True):
    """``rates`` are what the client may be told of, ``meter`` is for its run."""

    rates: Sequence[limits.Rate] = ()
    meter: protocols.Meter | None = None


_FREELY = Admitted()


class Admission:
    """``async with`` it: leaving it writes what was used to the store."""

    def __init__(
        self, counters: protocols.Counters, server: limits.ServerLimits, clock: Callable[[], float] = time.time
    ) -> None:
        self._counters, self._server, self._clock = counters, server, clock
        self._ledger = Ledger(counters)
        self._rates: Rates | None = None
        each = limits.Limits(runs=server.each.runs)
        unlimited = limits.ServerLimits(queue=server.queue, queue_timeout=server.queue_timeout, each=each)
        self._is_free = server == unlimited

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._ledger.close()

    async def admit(self, principal: requests.Principal, agent: str, thread: str | None) -> Admitted:
        """For a run that a client asks for. Raises `RateLimitError`. A store that does not answer stops nobody."""
        each = self._limits_of(principal)
        if self._is_free and each is self._server.each:
            return _FREELY
        rates: Sequence[limits.Rate] = ()
        try:
            if _has_rates(each) or _has_rates(self._server):
                rates = await self._load_rates().admit(principal.name, each)
            meter = await self.meter(principal, agent, thread)
        except errors.StoreError as error:
            log.warning("limits are not kept for now: %s", error.message)
            return _FREELY
        if meter is None:
            return Admitted(rates) if rates else _FREELY
        if (budget := meter.find_spent_budget()) is not None:
            raise self._refusal(budget)
        return Admitted(rates, meter)

    async def meter(self, principal: requests.Principal, agent: str, thread: str | None) -> Meter | None:
        """For a run that was let in before, or that no client asks for; None if it may use what it wants. Raises
        `StoreError`."""
        each = self._limits_of(principal)
        budgets = [*self._of_day(principal.name, each), *self._of_thread(principal.name, agent, thread)]
        has_tokens = each.tokens_per_minute is not None or self._server.tokens_per_minute is not None
        if not budgets and not has_tokens:
            return None
        await self._ledger.load([budget.name for budget in budgets])
        name = principal.name
        return Meter(self._ledger, budgets, lambda: self._load_rates().token_counters(name, each) if has_tokens else ())

    async def meter_for(self, new: protocols.NewRun) -> Meter | None:
        """For a kept run, whoever owns it. A store that does not answer stops nobody."""
        try:
            return await self.meter(new.request.principal, new.agent, new.request.thread_id)
        except errors.StoreError as error:
            log.warning("run %s is not counted: %s", new.id, error.message)
            return None

    def most_runs(self, principal: requests.Principal) -> int | None:
        """At one time."""
        return self._limits_of(principal).runs

    def _limits_of(self, principal: requests.Principal) -> limits.Limits:
        return self._server.each if principal.limits is None else principal.limits

    def _of_day(self, principal: str, each: limits.Limits) -> list[Budget]:
        if each.tokens_per_day is None and each.cost_per_day is None and each.tool_calls_per_day is None:
            return []
        day = int(self._clock() // DAY)
        name = _name("day", str(day), principal)
        most = {"tokens": each.tokens_per_day, "cost": each.cost_per_day, "tool_calls": each.tool_calls_per_day}
        return _budgets(name, most, "a day", 2 * DAY, (day + 1) * DAY)

    def _of_thread(self, principal: str, agent: str, thread: str | None) -> list[Budget]:
        most = self._server.thread
        if thread is None:
            return []
        name = _name("thread", principal, agent, thread)
        each = {"tokens": most.tokens, "cost": most.cost, "tool_calls": most.tool_calls}
        return _budgets(name, each, "for this thread", THREAD_LIFETIME, None)

    def _refusal(self, budget: Budget) -> errors.BudgetSpentError:
        text = budget.describe_spent()
        if budget.renews_at is None:
            return errors.BudgetSpentError(f"{text[0].upper()}{text[1:]}.", retry_after=None)
        renewed = datetime.fromtimestamp(budget.renews_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        seconds = max(1.0, budget.renews_at - self._clock())
        return errors.BudgetSpentError(f"{text[0].upper()}{text[1:]}; it renews at {renewed}.", retry_after=seconds)

    def _load_rates(self) -> Rates:
        """Loaded where there are limits for a minute: the library takes a while to import."""
        if self._rates is None:
            check()
            from turnstream.runs.rates import Rates

            self._rates = Rates(self._counters, self._server)
        return self._rates


def check() -> None:
    """Raises `ConfigurationError` where the library is missing."""
    if importlib.util.find_spec("limits") is None:
        message = "limits for each minute need the extra 'limits': pip install 'turnstream[limits]'"
        raise errors.ConfigurationError(message)


def _has_rates(most: limits.ServerLimits | limits.Limits) -> bool:
    return most.requests_per_minute is not None or most.tokens_per_minute is not None


def _budgets(
    name: str, most: dict[str, int | float | None], whose: str, lifetime: float, renews_at: float | None
) -> list[Budget]:
    return [
        Budget(f"{name}.{kind}", kind, amount, whose, lifetime, renews_at)
        for kind, amount in most.items()
        if amount is not None
    ]


def _name(kind: str, *parts: str) -> str:
    """A hash, because names may be long, and may hold what a database does not take."""
    whole = "".join(f"{len(part)}:{part}" for part in parts)
    return f"{kind}.{hashlib.sha256(whole.encode('utf-8', 'surrogatepass')).hexdigest()}"
