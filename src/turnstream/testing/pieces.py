"""Input cut into pieces: what a machine without I/O gives must not depend on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, AnyStr, Protocol, TypeVar

from turnstream import events

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output", covariant=True)


class Machine(Protocol[Input, Output]):
    """``feed`` gives what can be given now, ``close`` gives the rest, and then nothing."""

    def feed(self, piece: Input, /) -> Sequence[Output]: ...

    def close(self) -> Sequence[Output]: ...


def cut(data: AnyStr, at: int | Iterable[int]) -> list[AnyStr]:
    """Pieces of ``at`` bytes (or characters), or cut at these positions. None is empty, together they are ``data``."""
    if isinstance(at, int):
        if at < 1:
            raise ValueError(f"a piece has at least 1 byte, not {at}")
        return [data[start : start + at] for start in range(0, len(data), at)]
    inside: list[int] = sorted({position for position in at if 0 < position < len(data)})
    return [data[start:end] for start, end in pairwise((0, *inside, len(data))) if start < end]


def cuts(data: AnyStr) -> SearchStrategy[list[AnyStr]]:
    """A hypothesis strategy: the data, cut into pieces anywhere; among them the whole, and single bytes."""
    from hypothesis import strategies as st

    if len(data) < 2:
        return st.just(cut(data, ()))
    positions = st.lists(st.integers(1, len(data) - 1), max_size=20, unique=True)
    anywhere = positions.map(lambda at: cut(data, at))
    return st.one_of(anywhere, st.integers(1, min(64, len(data))).map(lambda size: cut(data, size)))


def decode(machine: Machine[Input, Output], pieces: Iterable[Input]) -> list[Output]:
    """Everything that the machine gives for these pieces; it is closed until it gives nothing more."""
    given: list[Output] = []
    for piece in pieces:
        given += machine.feed(piece)
    while rest := machine.close():
        given += rest
    return given


def joined(batch: Iterable[events.ModelEvent]) -> list[events.ModelEvent]:
    """The same events with neighbouring deltas of one kind made one, so that only what was said is compared."""
    result: list[events.ModelEvent] = []
    for event in batch:
        both = _join(result[-1], event) if result else None
        if both is None:
            result.append(event)
        else:
            result[-1] = both
    return result


def _join(first: events.ModelEvent, second: events.ModelEvent) -> events.ModelEvent | None:
    match first, second:
        case events.TextDelta(text=before), events.TextDelta(text=text):
            return events.TextDelta(before + text)
        case events.ReasoningDelta(text=before), events.ReasoningDelta(text=text):
            return events.ReasoningDelta(before + text)
        case events.RefusalDelta(text=before), events.RefusalDelta(text=text):
            return events.RefusalDelta(before + text)
        case events.ToolCallDelta(index, before), events.ToolCallDelta(other, arguments) if index == other:
            return events.ToolCallDelta(index, before + arguments)
        case _:
            return None
