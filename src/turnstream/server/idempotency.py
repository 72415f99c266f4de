"""Keys of requests that must start one run, where no run is kept: in the memory of this process.

What was answered is not kept, so a second request with the key cannot be given it: it is told why, and starts nothing.
Where the store keeps runs, a request with a key is a kept run, and the second one is shown the first one's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from turnstream import errors, events
from turnstream.runs import supervisor

MOST = 10_000  # keys that are remembered, the last used


class Use:
    """One run under a key. ``handle`` is the run, once it has begun."""

    handle: supervisor.Handle | None = None


class Keys:
    def __init__(self) -> None:
        self._used: OrderedDict[tuple[str, str], Literal["running", "ended"]] = OrderedDict()

    @contextmanager
    def use(self, principal: str, key: str | None) -> Iterator[Use]:
        """Raises `RequestError` for a key that has started a run before, unless that came to nothing: it failed or was
        left, and had called no tool which must not be called twice."""
        use = Use()
        if key is None:
            yield use
            return
        name = principal, key
        if (before := self._used.get(name)) is not None:
            raise _refuse(before)
        self._used[name] = "running"
        try:
            yield use
        finally:
            self._end(name, use.handle)

    def _end(self, name: tuple[str, str], handle: supervisor.Handle | None) -> None:
        if handle is None or not (handle.acted or isinstance(handle.ending, events.RunFinished)):
            del self._used[name]
            return
        self._used[name] = "ended"
        self._used.move_to_end(name)
        while len(self._used) > MOST:
            self._used.popitem(last=False)


def _refuse(state: Literal["running", "ended"]) -> errors.RequestError:
    if state == "running":
        text = "Idempotency-Key: its run has not ended. Try again later."
        return errors.RequestError(text, param="Idempotency-Key", code="idempotency_key_in_use", status=409)
    text = "Idempotency-Key: its run has ended, and this server keeps no answers. Use another key to ask again."
    return errors.RequestError(text, param="Idempotency-Key", code="idempotency_key_used", status=409)
