"""What a run uses, counted against what somebody else lets it use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Meter(Protocol):
    """Counts what one run uses against what somebody else lets it use: a principal's day, a thread."""

    def count(self, tokens: int, cost: float, tool_calls: int) -> None:
        """So much more was used."""
        ...

    def find_spent(self) -> str | None:
        """What is used up, in words; None while the run may go on."""
        ...

    def calls_left(self) -> tuple[int, str] | None:
        """How many more tool calls may be executed, and why no more; None: as many as there are."""
        ...


class Counters(Protocol):
    """Numbers by name, which are forgotten ``lifetime`` seconds after the last addition. Raises `StoreError`."""

    async def add(self, amounts: Mapping[str, int], lifetime: float) -> Mapping[str, int]:
        """Their new values."""
        ...

    async def get(self, names: Sequence[str]) -> Mapping[str, int]:
        """All of them; 0 for one that is not there."""
        ...
