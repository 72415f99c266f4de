"""What is sent of a run's stream, and when: a table of states and causes, without I/O.

A stream's status line cannot be taken back, so it waits for the model's first word, tool call or failure (`HELD`). A
failure until then is an HTTP status (`Refuse`); from then on (`OPEN`) all is written as it comes, and a failure is an
event of the stream. The clock may open the stream before the first word; later it asks for heartbeats.

An encoder that raises moves nothing: the state is as before, and whoever called says `fail`. If the encoder cannot even
write the failure, the response is cut off (`Abort`), which no client takes for a clean end.

The table is all there is: what is not in it does not happen. A batch of an open stream is nearly all that ever comes,
so whoever sends may write that move out: ``encoder.feed(batch)`` while ``state is State.OPEN``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import TypeAlias

from msgspec import Struct

from turnstream import events, usage
from turnstream.dialects import base


class State(Enum):
    __hash__ = object.__hash__  # of the enum module it is a function in Python, called with each batch

    HELD = auto()
    OPEN = auto()
    CLOSED = auto()


class Cause(Enum):
    """Why something may have to be sent. Batches are of three kinds."""

    __hash__ = object.__hash__

    QUIET = auto()  # a batch: nothing has come of the model yet
    WORD = auto()  # a batch: any other
    FAILED = auto()  # a batch: quiet but for the failure that ends the run
    TICK = auto()  # the clock: it has been silent for so long
    FAILURE = auto()  # the run is ended from outside, or by a fault of ours
    END = auto()  # no batch follows


class Write(Struct, frozen=True):
    """Some of the stream's body. The ``first`` goes behind the response's head, the ``last`` ends it."""

    data: bytes
    first: bool = False
    last: bool = False


class Refuse(Struct, frozen=True):
    """Nothing has been sent, so the failure is an HTTP status."""

    failure: events.RunFailed


class Abort(Struct, frozen=True):
    """Cut the response off where it is."""


Action: TypeAlias = Write | Refuse | Abort


class Delivery:
    __slots__ = ("_encoder", "_held", "state")

    def __init__(self, encoder: base.Encoder) -> None:
        self.state = State.HELD
        self._encoder = encoder
        self._held: list[bytes] = []

    def batch(self, batch: Sequence[events.RunEvent]) -> Action | None:
        return self._move(_cause(batch), batch)

    def tick(self) -> Action | None:
        return self._move(Cause.TICK, ())

    def end(self) -> Action | None:
        return self._move(Cause.END, ())

    def fail(self, failure: events.RunFailed) -> Action | None:
        return self._move(Cause.FAILURE, (failure,))

    def _move(self, cause: Cause, batch: Sequence[events.RunEvent]) -> Action | None:
        if (move := _MOVES.get((self.state, cause))) is None:
            return None
        state, act = move
        action = act(self, batch)
        self.state = state
        return action

    # ---------------------------------------------------------------------------------------------------------- acts

    def _hold(self, batch: Sequence[events.RunEvent]) -> None:
        self._held.append(self._encoder.feed(batch))

    def _open(self, batch: Sequence[events.RunEvent]) -> Write:
        return Write(self._all_held(self._encoder.feed(batch) if batch else b""), first=True)

    def _open_and_close(self, batch: Sequence[events.RunEvent]) -> Write:
        return Write(self._all_held(self._encoder.close()), first=True, last=True)

    def _refuse(self, batch: Sequence[events.RunEvent]) -> Refuse:
        return Refuse(as_failure(batch[-1]))

    def _write(self, batch: Sequence[events.RunEvent]) -> Write | None:
        data = self._encoder.feed(batch)
        return Write(data) if data else None

    def _keep_open(self, batch: Sequence[events.RunEvent]) -> Write | None:
        data = self._encoder.heartbeat()
        return Write(data) if data else None

    def _write_failure(self, batch: Sequence[events.RunEvent]) -> Write | Abort:
        try:
            return Write(self._encoder.feed(batch), last=True)
        except Exception:  # it is told a second time, and the first is in the log
            return Abort()

    def _close(self, batch: Sequence[events.RunEvent]) -> Write:
        return Write(self._encoder.close(), last=True)

    def _all_held(self, data: bytes) -> bytes:
        held, self._held = [*self._held, data], []
        return b"".join(held)


_Act: TypeAlias = Callable[[Delivery, Sequence[events.RunEvent]], Action | None]

_MOVES: dict[tuple[State, Cause], tuple[State, _Act]] = {
    (State.HELD, Cause.QUIET): (State.HELD, Delivery._hold),
    (State.HELD, Cause.WORD): (State.OPEN, Delivery._open),
    (State.HELD, Cause.FAILED): (State.CLOSED, Delivery._refuse),
    (State.HELD, Cause.TICK): (State.OPEN, Delivery._open),
    (State.HELD, Cause.FAILURE): (State.CLOSED, Delivery._refuse),
    (State.HELD, Cause.END): (State.CLOSED, Delivery._open_and_close),
    (State.OPEN, Cause.QUIET): (State.OPEN, Delivery._write),
    (State.OPEN, Cause.WORD): (State.OPEN, Delivery._write),
    (State.OPEN, Cause.FAILED): (State.OPEN, Delivery._write),
    (State.OPEN, Cause.TICK): (State.OPEN, Delivery._keep_open),
    (State.OPEN, Cause.FAILURE): (State.CLOSED, Delivery._write_failure),
    (State.OPEN, Cause.END): (State.CLOSED, Delivery._close),
}  # nothing leads out of `CLOSED`


_QUIET = frozenset({events.RunStarted, events.StepStarted})
_FAILURES = frozenset({events.RunFailed, events.RunCancelled})


def _cause(batch: Sequence[events.RunEvent]) -> Cause:
    for event in batch:
        if type(event) not in _QUIET:
            return Cause.FAILED if type(event) in _FAILURES and event is batch[-1] else Cause.WORD
    return Cause.QUIET


def as_failure(end: events.RunEvent | None) -> events.RunFailed:
    """Why no answer was given. None: a fault of ours."""
    match end:
        case events.RunFailed():
            return end
        case events.RunCancelled():
            return events.RunFailed("cancelled", "The run was cancelled.", 503, end.usage)
        case _:
            text = "The run failed because of an error in the server; its log has the details."
            return events.RunFailed("internal_error", text, 500, usage.Usage())
