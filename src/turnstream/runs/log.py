"""What the log of a kept run says about the run: a fold over its events, without I/O.

A log is a run's events in the order in which its owners appended them. All that another owner needs is in it, and the
fold finds it: the messages that the run has added, the step with which it goes on, the calls of that step that have no
result, and which events are *void*. An event is void when it was shown for a step that nobody finished: the step is
made again, and its text is another. A step is safe from its `StepFinished` on; the results of its tools are safe one by
one. So what is void is one range, from the first event after the last safe one to the next `RunResumed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from turnstream import asks, conversation, events, protocols, usage
from turnstream.messages import Message, ToolCall, ToolMessage  # by name: `Fold` has ``messages``

ENDED: tuple[protocols.Status, ...] = ("finished", "failed", "cancelled")
Terminal = events.RunFinished | events.RunFailed | events.RunCancelled
TERMINAL: frozenset[type] = frozenset({events.RunFinished, events.RunFailed, events.RunCancelled})
_PLAIN = events.TEXTS | {events.StepStarted}
_SHOWN_IN_STEP = events.VISIBLE | {events.StepStarted, events.ToolCallStarted, events.ToolCallArguments}


def are_plain(batch: Sequence[events.LogEvent]) -> bool:
    """Whether they change nothing but the log, and can always be encoded: text, which may begin a step."""
    if type(batch[0]) not in _PLAIN:
        return False
    return len(batch) == 1 or events.TEXTS.issuperset(map(type, batch[1:]))


def are_texts(batch: Sequence[events.LogEvent]) -> bool:
    """Whether they are nothing but text."""
    return type(batch[0]) in events.TEXTS if len(batch) == 1 else events.TEXTS.issuperset(map(type, batch))


class Fold:
    """``end`` is the seq of the last event, 0 before the first; ``attempt`` counts the owners so far, ``tries`` those
    since the last step that was finished. ``ending`` is the terminal event, or what the run waits for. ``void`` are
    ranges of seq, the end of each excluded.
    """

    def __init__(self) -> None:
        self.end = 0
        self.attempt = 0
        self.tries = 0
        self.usage = usage.Usage()
        self.ending: protocols.Ending | None = None
        self.void: list[tuple[int, int]] = []
        self._said = conversation.Fold()
        self._last: events.StepFinished | None = None
        self._calls: tuple[ToolCall, ...] = ()
        self._results: dict[str, events.ToolResult] = {}
        self._executed = False
        self._begun: set[str] = set()
        self._answered: tuple[ToolCall, ...] = ()
        self._replies: dict[str, ToolMessage] = {}
        self._decisions: dict[str, asks.Decision] = {}
        self._states: dict[str, Any] = {}
        self._approved: set[tuple[str, str]] = set()
        self._reviews: dict[str, asks.Decision] = {}
        self._held: Any = None
        self._unsafe: int | None = None
        self._texts: list[str] = []
        self._plain = True

    @property
    def messages(self) -> list[Message]:
        """What the run added to the conversation."""
        return self._said.messages

    @property
    def ended(self) -> bool:
        return isinstance(self.ending, Terminal)

    @property
    def progress(self) -> conversation.Progress:
        """How far the run is, for its next owner."""
        return conversation.Progress(
            tuple(self.messages),
            0 if self._last is None else self._last.step,
            self.usage,
            self._last,
            self._calls,
            self._results,
            self._executed,
            frozenset(self._begun),
            self._answered,
            self._replies,
            self._decisions,
            self._states,
            frozenset(self._approved),
            "".join(self._texts),
            tuple(self._reviews.values()),
            self._held,
        )

    def feed(self, numbered: Iterable[tuple[int, events.LogEvent]]) -> None:
        for seq, event in numbered:
            self.end = seq
            self._take(seq, event)

    def resume(self, *, continues: bool = False) -> events.RunResumed:
        """What the next owner appends first. One whose model ``continues`` a text voids none that it can go on with:
        nothing but text, and no blank at its end, after which vendors do not go on."""
        step = 1 if self._last is None else self._last.step + 1
        stays = continues and self._plain and bool(self._texts) and not self._texts[-1][-1:].isspace()
        void_from = self.end + 1 if stays else self._unsafe or self.end + 1
        return events.RunResumed(self.attempt + 1, step, void_from)

    def _take(self, seq: int, event: events.LogEvent) -> None:
        match event:
            case events.RunStarted():
                self.attempt = self.tries = 1
            case events.RunResumed(attempt=attempt, void_from=void_from):
                self.attempt = attempt
                self.tries += 1
                if void_from < seq:
                    self.void.append((void_from, seq))
                    self._forget_step()
            case events.StepFinished():
                self.usage += event.usage
                self.tries = 0
                self._forget_step()
                self._last, self._calls, self._results, self._executed, self._answered = event, (), {}, False, ()
                self._replies, self._decisions, self._states, self._approved = {}, {}, {}, set()
                self._reviews, self._held = {}, None
                self._said.feed([event])
            case events.ToolCallsDetected(tool_calls=calls):
                self._calls = calls
            case events.ToolBegan(tool_call_id=id):
                self._begun.add(id)
            case events.ToolResult():
                self._results[event.tool_call.id] = event
                self._begun.discard(event.tool_call.id)
            case events.ToolsExecuted():
                self._executed = True
                self._said.feed([event])
            case events.RunAnswered():
                self._take_answer(event)
            case events.RunWaiting(asks=asked):
                self.ending = event
                self._states |= {ask.tool_call_id: ask.state for ask in asked}
                for ask in asked:
                    if ask.kind != "outcome":  # it stopped before the call was made
                        self._begun.discard(ask.tool_call_id)
                    if ask.kind == "review" and ask.state is not None:
                        self._begin_review(ask.state)
            case events.RunFinished() | events.RunFailed() | events.RunCancelled():
                self.ending = event
            case _ if type(event) in _SHOWN_IN_STEP:
                self._unsafe = self._unsafe or seq
                if isinstance(event, events.TextDelta):
                    self._texts.append(event.text)
                elif not isinstance(event, events.StepStarted):
                    self._plain = False
            case _:
                pass

    def _begin_review(self, state: dict[str, Any]) -> None:
        """The rest of the step waits too, so what was shown of it stays. What is asked about one thing may be answered
        one by one."""
        held = state.get("held")
        if held is not None and held != self._held:
            self._reviews, self._held = {}, held
        self._forget_step()

    def _forget_step(self) -> None:
        self._unsafe, self._texts, self._plain = None, [], True

    def _take_answer(self, event: events.RunAnswered) -> None:
        waiting, self.ending, self.tries = self.ending, None, 0
        open_calls = waiting.tool_calls if isinstance(waiting, events.RunWaiting) else ()
        asked = {ask.tool_call_id: ask for ask in waiting.asks} if isinstance(waiting, events.RunWaiting) else {}
        for result in event.results:
            if result.tool_call_id in asked:
                self._replies[result.tool_call_id] = result
                continue
            self._said.messages.append(result)
            self._answered += tuple(call for call in open_calls if call.id == result.tool_call_id)
        for decision in event.decisions:
            self._decide(decision, asked.get(decision.tool_call_id))
            if decision.action == "call":  # whoever says so knows that it has not happened
                self._begun.discard(decision.tool_call_id)

    def _decide(self, decision: asks.Decision, ask: asks.Ask | None) -> None:
        """A call may ask again: what was approved before, and with which arguments, still holds then. Other arguments
        are for all to approve."""
        if ask is not None and ask.kind == "review":
            self._reviews[decision.tool_call_id] = decision
            return
        id, before = decision.tool_call_id, self._decisions.get(decision.tool_call_id)
        arguments = before.arguments if before is not None and decision.arguments is None else decision.arguments
        self._decisions[id] = msgspec.structs.replace(decision, arguments=arguments)
        if decision.action == "call" and ask is not None and ask.kind == "approval":
            if decision.arguments is not None:
                self._approved = {each for each in self._approved if each[0] != id}
            self._approved.add((id, ask.by))


def fold(numbered: Iterable[tuple[int, events.LogEvent]]) -> Fold:
    result = Fold()
    result.feed(numbered)
    return result


def without_void(numbered: protocols.NumberedEvents) -> protocols.NumberedEvents:
    """The log as somebody sees it who comes late: for protocols that cannot take anything back."""
    ranges = fold(numbered).void
    return [(seq, event) for seq, event in numbered if not any(start <= seq < stop for start, stop in ranges)]


_STATUS: dict[type, protocols.Status] = {
    events.RunStarted: "running",
    events.RunResumed: "running",
    events.RunWaiting: "waiting",
    events.RunAnswered: "queued",
    events.RunFinished: "finished",
    events.RunFailed: "failed",
    events.RunCancelled: "cancelled",
}


def status(batch: Iterable[events.LogEvent]) -> protocols.Status | None:
    """The status of a run after these events, None if they do not change it."""
    found: protocols.Status | None = None
    for event in batch:
        found = _STATUS.get(type(event), found)
    return found
