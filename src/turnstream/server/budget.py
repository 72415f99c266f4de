"""Bytes that all requests share: more at once than a process can hold are refused."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from turnstream import errors


class Budget:
    def __init__(self, most: int) -> None:
        self.most, self.used = most, 0

    def share(self) -> Share:
        return Share(self)


class Share:
    """What one request has of it; given back when the block is left."""

    __slots__ = ("_budget", "_used")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._used = 0

    def grow(self, size: int) -> None:
        """To so many bytes. Raises `ServerBusyError`."""
        budget, more = self._budget, size - self._used
        if more <= 0:
            return
        used = budget.used + more
        if used > budget.most:
            raise errors.ServerBusyError("The server is busy: too many large requests at once.")
        self._used, budget.used = size, used

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.used -= self._used
        self._used = 0
