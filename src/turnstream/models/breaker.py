"""When a model that fails is spared, and when it is asked again. No I/O: the time comes in, in seconds of any clock."""

from __future__ import annotations

from typing import Literal, TypeAlias

State: TypeAlias = Literal["closed", "open", "half_open"]

FAILURES = 5
"""In a row, after which a model is spared."""
OPEN_SECONDS = 30.0
"""Until it is asked again, and from one such probe to the next."""
LONGEST_OPEN = 300.0
"""The most seconds that a model is spared because its vendor asks for it."""


class Breaker:
    """Of one model. Closed, it is asked. `FAILURES` in a row, or one failure that says when to come back, open it.

    Half-open, which it is when its time has passed, it lets one request through as a probe, and the next one
    `OPEN_SECONDS` later, whatever became of the first: a probe that nobody waits for to its end blocks nothing. Any
    success closes it.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures == FAILURES

    def state(self, now: float) -> State:
        if not self.is_open:
            return "closed"
        return "open" if now < self._until else "half_open"

    def admit(self, now: float) -> bool:
        """Whether to ask the model now. It may have been told that for a probe: then ask it."""
        if not self.is_open:
            return True
        if now < self._until:
            return False
        self._until = now + OPEN_SECONDS
        return True

    def succeed(self) -> None:
        self._failures = 0

    def fail(self, now: float, retry_after: float | None = None) -> None:
        """A failure of one that is open already extends nothing, unless the vendor says so."""
        was_open = self.is_open
        self._failures = FAILURES if retry_after is not None else min(FAILURES, self._failures + 1)
        if retry_after is not None:
            self._until = now + min(retry_after, LONGEST_OPEN)
        elif self.is_open and not was_open:
            self._until = now + OPEN_SECONDS
