"""Requests and tokens in a minute, by the sliding window counter of the library `limits`.

What a request will cost in tokens is known when it has been answered. So a request is let in while anything is left,
and what it used is counted from then on, also beyond the limit: the requests after it wait for that.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Iterator, Sequence

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio import strategies
from limits.aio.storage import Storage
from limits.aio.storage.base import SlidingWindowCounterSupport
from limits.storage.base import TimestampedSlidingWindow

from turnstream import errors, limits, protocols

MINUTE = 60
_EVERYBODY = "*"


class _Storage(Storage, SlidingWindowCounterSupport, TimestampedSlidingWindow):
    """The library's storage over `protocols.Counters`: the part of it that sliding windows need."""

    STORAGE_SCHEME: list[str] | None = None

    def __init__(self, counters: protocols.Counters) -> None:
        super().__init__()
        self._counters = counters

    @property
    def base_exceptions(self) -> type[Exception]:
        return errors.StoreError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        return (await self._counters.add({key: amount}, expiry))[key]

    async def get(self, key: str) -> int:
        return (await self._counters.get([key]))[key]

    async def get_expiry(self, key: str) -> float:
        return time.time()

    async def check(self) -> bool:
        return True

    async def reset(self) -> int | None:
        raise NotImplementedError

    async def clear(self, key: str) -> None:
        raise NotImplementedError

    async def clear_sliding_window(self, key: str, expiry: int) -> None:
        raise NotImplementedError

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        now = time.time()
        previous, current = self.sliding_window_keys(key, expiry, now)
        counts = await self._counters.get([previous, current])
        gone = now % expiry
        return counts[previous], expiry - gone if counts[previous] else 0.0, counts[current], 2 * expiry - gone

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Two processes that ask at the same time may both be let in: by one or two requests nobody is flooded."""
        before, ttl, count, _ = await self.get_sliding_window(key, expiry)
        if int(before * ttl / expiry + count) + amount > limit:
            return False
        _, current = self.sliding_window_keys(key, expiry, time.time())
        await self._counters.add({current: amount}, 2.0 * expiry)
        return True


class Rates:
    """Over the counters of a store. ``server`` says what all principals together may have."""

    def __init__(self, counters: protocols.Counters, server: limits.ServerLimits) -> None:
        self._storage = _Storage(counters)
        self._limiter = strategies.SlidingWindowCounterRateLimiter(self._storage)
        self._server = server

    async def admit(self, principal: str, each: limits.Limits) -> list[limits.Rate]:
        """Count a request of the principal; what is left of its own limits, or the server's where it has none. Raises
        `RateLimitError`, whose request counts for nothing."""
        shown: dict[str, limits.Rate] = {}
        counted = []
        for kind, item, name in self._all(principal, each):
            shown[kind] = rate = await self._rate(kind, item, name)
            if rate.remaining < 1:
                raise _refusal(rate, name, shown.values())
            if kind == "requests":
                counted.append((item, name))
        for item, name in counted:
            if not await self._limiter.hit(item, name):  # another one was quicker
                rate = await self._rate("requests", item, name)
                raise _refusal(rate, name, [rate])
        return [_count_one(rate) for rate in shown.values()]

    def token_counters(self, principal: str, each: limits.Limits) -> Sequence[str]:
        """The numbers to which tokens are added that are used now."""
        keys = [item.key_for(name) for kind, item, name in self._all(principal, each) if kind == "tokens"]
        now = time.time()
        return [self._storage.sliding_window_keys(key, MINUTE, now)[1] for key in keys]

    def _all(self, principal: str, each: limits.Limits) -> list[tuple[limits.Kind, RateLimitItem, str]]:
        """The principal's own last: of two limits of one kind, these are shown."""
        name = hashlib.sha256(principal.encode("utf-8", "surrogatepass")).hexdigest()
        return [*_items(self._server, _EVERYBODY), *_items(each, name)]

    async def _rate(self, kind: limits.Kind, item: RateLimitItem, name: str) -> limits.Rate:
        stats = await self._limiter.get_window_stats(item, name)
        reset = max(0.0, stats.reset_time - time.time())
        if not stats.remaining:
            reset = _wait(item.amount, *await self._storage.get_sliding_window(item.key_for(name), MINUTE))
        return limits.Rate(kind, item.amount, min(stats.remaining, item.amount), reset)


def _items(most: limits.ServerLimits | limits.Limits, name: str) -> Iterator[tuple[limits.Kind, RateLimitItem, str]]:
    if most.requests_per_minute is not None:
        yield "requests", RateLimitItemPerMinute(most.requests_per_minute, namespace="requests"), name
    if most.tokens_per_minute is not None:
        yield "tokens", RateLimitItemPerMinute(most.tokens_per_minute, namespace="tokens"), name


def _wait(limit: int, before: int, before_ends: float, count: int, count_ends: float) -> float:
    """Seconds until one more fits. The window before weighs the less the longer this one goes on, as this one will."""
    free = limit - 1
    if before and count <= free:
        return max(0.0, before_ends - MINUTE * (free - count) / before)
    return count_ends - MINUTE * min(1.0, free / max(count, 1))


def _count_one(rate: limits.Rate) -> limits.Rate:
    if rate.kind == "tokens":
        return rate
    return limits.Rate(rate.kind, rate.limit, rate.remaining - 1, rate.reset)


def _refusal(rate: limits.Rate, name: str, rates: Iterable[limits.Rate]) -> errors.RateLimitError:
    whose = "are allowed for all clients together" if name == _EVERYBODY else "are allowed"
    message = f"Too many {rate.kind} in a minute: {rate.limit} {whose}."
    return errors.RateLimitError(message, retry_after=max(1.0, math.ceil(rate.reset)), rates=tuple(rates))
