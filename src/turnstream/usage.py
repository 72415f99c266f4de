"""What a model call used: tokens and money."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Usage(Struct, frozen=True):
    """Tokens. ``input`` counts all prompt tokens, cached ones included; ``output`` counts reasoning too.

    ``raw`` is the provider's own object of one model call, untouched; a sum has none. ``cost`` is in US dollars, None
    where the price is not known.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    raw: dict[str, Any] | None = None
    cost: float | None = None

    @property
    def total(self) -> int:
        return self.input + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.cache_write + other.cache_write,
            self.reasoning + other.reasoning,
            cost=_sum_of_costs(self, other),
        )


def _sum_of_costs(one: Usage, other: Usage) -> float | None:
    """Unknown if that of either is, unless it used nothing."""
    if one.cost is None and other.cost is None:
        return None
    if (one.cost is None and one.total) or (other.cost is None and other.total):
        return None
    return (one.cost or 0.0) + (other.cost or 0.0)
