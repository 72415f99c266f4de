"""The log of a kept run for a protocol that cannot take back what it has shown.

Where another owner goes on with a run, what was shown of a step that nobody finished is void, and the step is made
again. Such a protocol either begins again behind a line that its reader sees, or (``hold``) shows nothing of a step
until it is finished: then nothing is ever void. Half a call of the client's own tool cannot be begun again in either
way; whoever was shown one is told that the stream has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from turnstream import events, protocols
from turnstream.runs import log

SEPARATOR = "\n\n---\n\n"
_HELD = events.VISIBLE | {events.ToolCallStarted, events.ToolCallArguments}
# Behind these nothing that was shown becomes void: a run that waits goes on where it was.
_SETTLING: frozenset[type] = log.TERMINAL | {events.StepFinished, events.RunWaiting}
_SHOWN: frozenset[type] = frozenset(get_args(events.RunEvent))  # the log has others, that only it has


class LostCallError(Exception):
    """A call that the client is to make was shown in part, and is void."""


class OneWay:
    """``feed`` it the log; it gives what can be shown now. With a takeover that loses a call it raises."""

    __slots__ = ("_calls", "_held", "holds", "last_text")

    def __init__(self, *, hold: bool = False) -> None:
        self.holds = hold
        # Of the step that is not finished: what is held back; or where in the log the calls are that its client was
        # shown, and the last text.
        self._held: protocols.NumberedEvents = []
        self._calls: list[int] = []
        self.last_text = 0

    def feed(self, numbered: protocols.NumberedEvents) -> list[events.RunEvent]:
        shown: list[events.RunEvent] = []
        event: Any
        for seq, event in numbered:
            if isinstance(event, events.RunResumed):
                shown += self._resume(event)
            elif (kind := type(event)) in _SETTLING:
                shown += [*self._settle(), event]
            elif self.holds and kind in _HELD:
                self._held.append((seq, event))
            elif kind in _SHOWN:
                if kind is events.TextDelta:
                    self.last_text = seq
                elif kind is events.ToolCallStarted and event.client:
                    self._calls.append(seq)
                shown.append(event)
        return shown

    def note_texts(self, seq: int, batch: Sequence[events.LogEvent]) -> None:
        """`feed` for nothing but text, from ``seq`` on, where it is shown as it is."""
        for at, event in enumerate(batch, seq):
            if type(event) is events.TextDelta:
                self.last_text = at

    def hold_texts(self, seq: int, batch: Sequence[events.LogEvent]) -> bool:
        """`feed` for nothing but text, from ``seq`` on, with ``hold``."""
        self._held += enumerate(batch, seq)
        return True

    def _settle(self) -> list[events.RunEvent]:
        held = [each for _, each in self._held]
        self._held, self._calls, self.last_text = [], [], 0
        return held  # type: ignore[return-value]  # only run events are held

    def _resume(self, event: events.RunResumed) -> list[events.RunEvent]:
        void_from = event.void_from
        self._held = [each for each in self._held if each[0] < void_from]
        if any(seq >= void_from for seq in self._calls):
            raise LostCallError
        if self.last_text < void_from:
            return []
        self.last_text = 0  # what is before is not void by any other takeover of this step
        return [events.TextDelta(SEPARATOR)]
