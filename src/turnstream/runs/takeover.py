"""The log of a kept run for a protocol that cannot take back what it has shown.

Where another owner goes on with a run, what was shown of a step that nobody finished is void, and the step is made
again. Such a protocol either begins again behind a line that its reader sees, or (``hold``) shows nothing of a step
until it is finished: then nothing is ever void. Half a call of the client's own tool cannot be begun again in either
way; whoever was shown one is told that the stream has failed.
"""

from __future__ import annotations

from turnstream import events, protocols

SEPARATOR = "\n\n---\n\n"
_HELD = (
    events.TextDelta
    | events.ReasoningDelta
    | events.RefusalDelta
    | events.HostedToolCall
    | events.HostedToolResult
    | events.SourceFound
    | events.ToolCallStarted
    | events.ToolCallArguments
)
# Behind these nothing that was shown becomes void: a run that waits goes on where it was.
_SETTLING = events.StepFinished | events.RunWaiting | events.RunFailed | events.RunCancelled | events.RunFinished


class LostCallError(Exception):
    """A call that the client is to make was shown in part, and is void."""


class OneWay:
    """``feed`` it the log; it gives what can be shown now. With a takeover that loses a call it raises."""

    def __init__(self, *, hold: bool = False) -> None:
        self.holds = hold
        self._step: protocols.NumberedEvents = []
        """Of the step that is not finished: what is held back or, without ``hold``, what was shown."""
        self.note_texts = self._step.extend
        """`feed` for nothing but text, which is shown as it is unless it ``holds``."""

    def feed(self, numbered: protocols.NumberedEvents) -> list[events.RunEvent]:
        shown: list[events.RunEvent] = []
        for seq, event in numbered:
            if isinstance(event, events.RunResumed):
                shown += self._resume(event)
            elif not isinstance(event, events.RunEvent):
                continue
            elif isinstance(event, _HELD):
                self._step.append((seq, event))
                shown += [] if self.holds else [event]
            else:
                shown += self._pass_on(event)
        return shown

    def _pass_on(self, event: events.RunEvent) -> list[events.RunEvent]:
        if not isinstance(event, _SETTLING):
            return [event]
        held = [each for _, each in self._step] if self.holds else []
        self._step.clear()
        return [*held, event]  # type: ignore[list-item]  # only run events are held

    def _resume(self, event: events.RunResumed) -> list[events.RunEvent]:
        void = [each for seq, each in self._step if seq >= event.void_from]
        self._step[:] = [(seq, each) for seq, each in self._step if seq < event.void_from]
        if self.holds:
            return []
        if any(isinstance(each, events.ToolCallStarted) and each.client for each in void):
            raise LostCallError
        return [events.TextDelta(SEPARATOR)] if any(isinstance(each, events.TextDelta) for each in void) else []
