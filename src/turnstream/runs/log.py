"""What the log of a kept run says about the run: a fold over its events, without I/O.

A log is a run's events in the order in which its owners appended them. All that another owner needs is in it, and the
fold finds it: the messages that the run has added, the step with which it goes on, the calls of that step that have no
result, and which events are *void*. An event is void when it was shown for a step that nobody finished: the step is
made again, and its text is another. A step is safe from its `StepFinished` on; the results of its tools are safe one by
one. So what is void is one range, from the first event after the last safe one to the next `RunResumed`.
"""

from __future__ import annotations

from collections.abc import Iterable

from turnstream import conversation, events, protocols, usage
from turnstream.messages import Message, ToolCall  # by name: `Fold` has ``messages``

ENDED: tuple[protocols.Status, ...] = ("finished", "failed", "cancelled")
Terminal = events.RunFinished | events.RunFailed | events.RunCancelled
_SHOWN_IN_STEP = (
    events.StepStarted
    | events.TextDelta
    | events.ReasoningDelta
    | events.RefusalDelta
    | events.HostedToolCall
    | events.HostedToolResult
    | events.SourceFound
    | events.ToolCallStarted
    | events.ToolCallArguments
)


class Fold:
    """``end`` is the seq of the last event, 0 before the first; ``attempt`` counts the owners so far, ``tries`` those
    since the last step that was finished.

    ``messages`` are what the run added to the conversation, but for the results of a step whose tools are not all
    answered: those are ``results``, and the calls without one are ``pending``. ``begun`` are the ids of calls that were
    begun, must not happen twice, and have no result. ``ending`` is the terminal event, or what the run waits for.
    ``void`` are ranges of seq, the end of each excluded.
    """

    def __init__(self) -> None:
        self.end = 0
        self.attempt = 0
        self.tries = 0
        self.steps = 0
        self.usage = usage.Usage()
        self.results: dict[str, events.ToolResult] = {}
        self.begun: set[str] = set()
        self.ending: protocols.Ending | None = None
        self.void: list[tuple[int, int]] = []
        self._said = conversation.Fold()
        self._calls: tuple[ToolCall, ...] = ()
        self._unsafe: int | None = None

    @property
    def messages(self) -> list[Message]:
        return self._said.messages

    @property
    def pending(self) -> tuple[ToolCall, ...]:
        return tuple(call for call in self._calls if call.id not in self.results)

    @property
    def ended(self) -> bool:
        return isinstance(self.ending, Terminal)

    def feed(self, numbered: Iterable[tuple[int, events.LogEvent]]) -> None:
        for seq, event in numbered:
            self.end = seq
            self._take(seq, event)

    def resumed(self) -> events.RunResumed:
        """What the next owner appends first."""
        return events.RunResumed(self.attempt + 1, self.steps + 1, self._unsafe or self.end + 1)

    def _take(self, seq: int, event: events.LogEvent) -> None:
        match event:
            case events.RunStarted():
                self.attempt = self.tries = 1
            case events.RunResumed(attempt=attempt, void_from=void_from):
                self.attempt = attempt
                self.tries += 1
                self._unsafe = None
                if void_from < seq:
                    self.void.append((void_from, seq))
            case events.StepFinished():
                self.steps, self.tries, self._unsafe = event.step, 0, None
                self.usage += event.usage
                self._said.feed([event])
            case events.ToolCallsDetected(tool_calls=calls):
                self._calls, self.results = calls, {}
            case events.ToolBegan(tool_call_id=id):
                self.begun.add(id)
            case events.ToolResult():
                self.results[event.tool_call.id] = event
                self.begun.discard(event.tool_call.id)
            case events.ToolsExecuted():
                self._calls, self.results = (), {}
                self._said.feed([event])
            case events.RunAnswered(results=results):
                self.ending, self.tries = None, 0
                self._said.messages.extend(results)
            case events.RunWaiting() | events.RunFinished() | events.RunFailed() | events.RunCancelled():
                self.ending = event
            case _ if isinstance(event, _SHOWN_IN_STEP):
                self._unsafe = self._unsafe or seq
            case _:
                pass


def fold(numbered: Iterable[tuple[int, events.LogEvent]]) -> Fold:
    result = Fold()
    result.feed(numbered)
    return result


def without_void(numbered: protocols.NumberedEvents) -> protocols.NumberedEvents:
    """The log as somebody sees it who comes late: for protocols that cannot take anything back."""
    ranges = fold(numbered).void
    return [(seq, event) for seq, event in numbered if not any(start <= seq < stop for start, stop in ranges)]


def status(batch: Iterable[events.LogEvent]) -> protocols.Status | None:
    """The status of a run after these events, None if they do not change it."""
    found: protocols.Status | None = None
    for event in batch:
        match event:
            case events.RunStarted() | events.RunResumed():
                found = "running"
            case events.RunWaiting():
                found = "waiting"
            case events.RunAnswered():
                found = "queued"
            case events.RunFinished():
                found = "finished"
            case events.RunFailed():
                found = "failed"
            case events.RunCancelled():
                found = "cancelled"
            case _:
                pass
    return found
