"""How much the server lets be used: what a configuration may say of it."""

from __future__ import annotations

from pydantic import Field

from turnstream import limits
from turnstream.config.sections import Count, Number, PositiveInt, Seconds, Section


class LimitsSection(Section):
    """The most that one principal may use, which is whoever has the same key. Days are those of UTC."""

    runs: PositiveInt | None = None
    """Runs at a time."""
    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    """Of all model calls, prompt and answer."""
    tokens_per_day: PositiveInt | None = None
    cost_per_day: Number | None = None
    """US dollars, where the price of the models is known."""
    tool_calls_per_day: PositiveInt | None = None

    def build(self) -> limits.Limits:
        return limits.Limits(**dict(self))


class ThreadLimitsSection(Section):
    """The most that all runs of one thread may use."""

    tokens: PositiveInt | None = None
    cost: Number | None = None
    """US dollars, where the price of the models is known."""
    tool_calls: PositiveInt | None = None

    def build(self) -> limits.ThreadLimits:
        return limits.ThreadLimits(**dict(self))


class ServerLimitsSection(Section):
    """How much is let in. What is over a limit is refused with 429 and the time to come back."""

    requests_per_minute: PositiveInt | None = None
    """Of all principals together."""
    tokens_per_minute: PositiveInt | None = None
    """Of all principals together."""
    queue: Count = 0
    """Requests that may wait for a place where there are `max_runs` runs already. The principals take turns."""
    queue_timeout: Seconds = limits.ServerLimits().queue_timeout
    """Seconds that a request waits for a place."""
    each: LimitsSection = Field(default_factory=LimitsSection)
    """Of each principal whose key does not say otherwise."""
    thread: ThreadLimitsSection = Field(default_factory=ThreadLimitsSection)
    """Of each thread."""

    def build(self) -> limits.ServerLimits:
        return limits.ServerLimits(**{**dict(self), "each": self.each.build(), "thread": self.thread.build()})
