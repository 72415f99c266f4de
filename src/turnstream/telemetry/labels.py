"""Values of labels, bounded: each makes series of its own, and names can come from a model."""

from __future__ import annotations

OTHER = "other"


class Labels:
    """The first ``most`` values stay what they are; any other is `OTHER`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def knows(self, value: str) -> bool:
        return value in self._known

    def admit(self, value: str) -> str:
        if value in self._known:
            return value
        if len(self._known) >= self._most or len(value) > 100:
            return OTHER
        self._known.add(value)
        return value
