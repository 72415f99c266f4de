"""Keys of requests that must start one run, where no run is kept: in the memory of this process.

What was answered is not kept, so a second request with the key cannot be given it: it is told why, and starts nothing.
Where the store keeps runs, a request with a key is a kept run, and the second one is shown the first one's.
"""

from __future__ import annotations

from collections import OrderedDict
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from turnstream import errors, events
from turnstream.runs import supervisor

if TYPE_CHECKING:
    from typing import Self

MOST = 10_000  # keys that are remembered, the last used


class Use:
    """One run under a key, or under none. ``handle`` is the run, once it has begun. ``with`` it: the key is in use.

    Entering raises `RequestError` for a key that has started a run before, unless that came to nothing: it failed or
    was left, and had called no tool which must not be called twice.
    """

    __slots__ = ("_keys", "_name", "handle")

    def __init__(self, keys: Keys, name: tuple[str, str] | None) -> None:
        self._keys, self._name = keys, name
        self.handle: supervisor.Handle | None = None

    def __enter__(self) -> Self:
        if self._name is not None:
            self._keys.begin(self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._name is not None:
            self._keys.end(self._name, self.handle)


class Keys:
    def __init__(self) -> None:
        self._used: OrderedDict[tuple[str, str], Literal["running", "ended"]] = OrderedDict()

    def use(self, principal: str, key: str | None) -> Use:
        return Use(self, None if key is None else (principal, key))

    def begin(self, name: tuple[str, str]) -> None:
        """See `Use`."""
        if (before := self._used.get(name)) is not None:
            raise _refuse(before)
        self._used[name] = "running"

    def end(self, name: tuple[str, str], handle: supervisor.Handle | None) -> None:
        """See `Use`."""
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
