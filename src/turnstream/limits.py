"""How much may be used: by one principal, in one thread, on the whole server."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Kind: TypeAlias = Literal["requests", "tokens"]


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The most that one principal may use; None: no limit.

    ``runs`` are those at one time, minutes are any 60 seconds, days are those of UTC. Tokens are those of all model
    calls, ``cost_per_day`` is in US dollars where the price of the models is known.
    """

    runs: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    cost_per_day: float | None = None
    tool_calls_per_day: int | None = None


class ThreadLimits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The most that all runs of one thread may use; None: no limit."""

    tokens: int | None = None
    cost: float | None = None
    tool_calls: int | None = None


class ServerLimits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of a whole server. ``each`` is for principals whose keys say nothing else, ``thread`` for each thread.

    ``queue`` requests may wait for a place among the runs, each for ``queue_timeout`` seconds at most.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    queue: int = 0
    queue_timeout: float = 30.0
    each: Limits = Limits()
    thread: ThreadLimits = ThreadLimits()


class Rate(Struct, frozen=True):
    """How much of a limit for each minute is left; ``reset`` is in seconds from now."""

    kind: Kind
    limit: int
    remaining: int
    reset: float
