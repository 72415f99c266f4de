"""What the reading of a document may cost.

A document may be a stranger's, and a kilobyte of it can describe more than any memory holds: a schema that refers to
another twice, which refers to another twice. So everything that is read, converted or written out is counted, for all
documents of one toolbox together; and whoever no longer waits for it stops it, since a thread cannot be cancelled.
"""

from __future__ import annotations

from turnstream import errors

MOST = 3_000_000
"""Values. A document with 845 operations over 700 schemas, as that of Kubernetes is, costs a quarter of it and three
seconds."""

_TEXT_PER_VALUE = 64


class SpentError(errors.ConfigurationError):
    """The document costs too much, or nobody waits for it."""


class Budget:
    """Used by the thread that reads and the task that waits for it."""

    def __init__(self, most: int = MOST) -> None:
        self._most = self._left = most
        self._is_stopped = False

    @property
    def spent(self) -> int:
        return self._most - self._left

    def spend(self, values: int = 1) -> None:
        """Raises `SpentError`."""
        self._left -= values
        if self._left < 0:
            raise SpentError(f"it is more than {self._most:,} values, its references and aliases written out")
        if self._is_stopped:
            raise SpentError("nobody waits for it any more")

    def spend_text(self, length: int) -> None:
        self.spend(1 + length // _TEXT_PER_VALUE)

    def stop(self) -> None:
        """The next to spend raises."""
        self._is_stopped = True
