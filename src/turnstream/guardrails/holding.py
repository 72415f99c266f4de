"""What of a step waits for a person: all of it from where a guardrail that asks has found something.

It stands behind the other guardrails, so what it holds is what would be shown. Text flows as long as nothing is found,
but for the longest tail that could still become a match. From a match on nothing of the step is shown, whatever it is,
until the model has finished it: then there is something whole to ask about, and the run can wait at a place from which
any process goes on. ``reviews`` are what is to be asked then, and what follows the step waits behind it.

Beginnings of calls wait for the end of the step in any case: a call that was begun on a client's page could otherwise
stay open there for days. What is whole and belongs to no step (results of tools, their progress) is not asked about;
what is found in it is hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from turnstream import events, messages, protocols
from turnstream.guardrails import review, texts, values
from turnstream.guardrails.gate import MOST_HELD

Delta: TypeAlias = events.TextDelta | events.ReasoningDelta | events.RefusalDelta
_BEGUN = events.ToolCallStarted | events.ToolCallArguments
_JUDGED = events.ToolCallsDetected | events.ClientToolCalls  # as parts of the step's message
_IN_STEP = events.HostedToolCall | events.HostedToolResult | events.SourceFound


class Holding:
    """``reviews`` are empty as long as nobody is to be asked; then all of them must be agreed to, and `decide` is told
    whether they are. ``stopped`` is why the run must end, if it must."""

    def __init__(self, rules: Sequence[review.AskingRule]) -> None:
        self._rules = tuple(rules)
        self.reviews: tuple[protocols.Review, ...] = ()
        self.stopped: texts.StoppedError | None = None
        self.in_step = False
        self._begin()

    def _begin(self) -> None:
        self._flags: list[tuple[str, review.Reviewer]] = []
        self._holds = False
        self._channels: dict[type[Delta], _Channel] = {}
        self._calls: list[events.RunEvent] = []
        self._held: list[events.RunEvent] = []
        self._rest: list[events.RunEvent] = []
        self.size = 0
        """Characters that wait."""

    def feed(self, batch: Iterable[events.RunEvent]) -> list[events.RunEvent]:
        shown: list[events.RunEvent] = []
        for event in batch:
            if self.reviews:
                self._rest.append(event)
            elif self.stopped is None:
                self._handle(event, shown)
        return shown

    def flag(self, name: str, reviewer: review.Reviewer) -> None:
        """A judge has found something: from here on nothing of the step is shown."""
        self._flags.append((name, reviewer))
        self._hold()

    def decide(self, approved: bool) -> list[events.RunEvent]:
        """What may be shown after the answer. After a no the step ends where it was held."""
        name, self.reviews = self.reviews[0].guardrail, ()
        held, rest = self._held, self._rest
        self.in_step = False
        if approved:
            self._begin()
            return [*held, *self.feed(rest)]
        self.stopped = texts.StoppedError(name)
        last = held[-1]
        assert isinstance(last, events.StepFinished)
        return [msgspec.structs.replace(last, message=self.message(), finish=self.stopped.reason)]

    def break_off(self, batch: Iterable[events.RunEvent]) -> list[events.RunEvent]:
        """What may be shown of a step that another guardrail has ended: that waits for nobody."""
        shown: list[events.RunEvent] = []
        for event in batch:
            if isinstance(event, events.StepFinished):
                self._close(shown)
                shown.append(msgspec.structs.replace(event, message=self.message()))
                self.in_step = False
            else:
                self._handle(event, shown)
        self._close(shown)
        return shown

    def held(self) -> list[events.RunEvent]:
        """The rest of the step, with the calls that it asks for."""
        return [*self._held, *(event for event in self._rest if isinstance(event, events.ToolCallsDetected))]

    def message(self) -> messages.AssistantMessage:
        """What was shown of the step."""
        parts: list[messages.AssistantPart] = []
        if reasoning := self._join_shown(events.ReasoningDelta):
            parts.append(messages.ReasoningPart(reasoning))
        if text := self._join_shown(events.TextDelta) + self._join_shown(events.RefusalDelta):
            parts.append(messages.TextPart(text))
        return messages.AssistantMessage(tuple(parts))

    def _join_shown(self, kind: type[Delta]) -> str:
        return "".join(self._channels[kind].shown) if kind in self._channels else ""

    def _handle(self, event: events.RunEvent, shown: list[events.RunEvent]) -> None:
        match event:
            case events.TextDelta() | events.ReasoningDelta() | events.RefusalDelta():
                self._pass(type(event), event.text, shown)
            case events.StepStarted():
                self.in_step = True
                shown.append(event)
            case events.StepFinished():
                self._finish(event, shown)
            case events.RunFailed() | events.RunCancelled():
                self._close(shown)
                self._begin()  # what nobody has agreed to is not shown
                shown.append(event)
            case _ if isinstance(event, _BEGUN):
                self._calls.append(event)
            case _ if isinstance(event, _JUDGED):
                shown.append(event)
            case _ if self._holds and isinstance(event, _IN_STEP):
                self._held.append(event)
            case _:
                shown.append(values.change_event(event, self._hide))

    def _hide(self, text: str) -> str:
        return review.hide(self._rules, text)

    def _pass(self, kind: type[Delta], text: str, shown: list[events.RunEvent]) -> None:
        self.in_step = True
        channel = self._channels.get(kind)
        if channel is None:
            channel = self._channels[kind] = _Channel(self._rules)
        if self._holds:
            channel.held.append(text)
            self._keep(kind(text))
        else:
            self._show(kind, channel, channel.feed(text), shown)

    def _show(self, kind: type[Delta], channel: _Channel, given: str, shown: list[events.RunEvent]) -> None:
        if given:
            shown.append(kind(given))
        if channel.has_found:
            self._hold()

    def _close(self, shown: list[events.RunEvent]) -> None:
        for kind, channel in self._channels.items():
            if not self._holds and not channel.closed:
                self._show(kind, channel, channel.close(), shown)

    def _hold(self) -> None:
        if self._holds:
            return
        self._holds = True
        for kind, channel in self._channels.items():
            channel.held.append(channel.pending)
            self._keep(kind(channel.pending))

    def _keep(self, delta: Delta) -> None:
        if not delta.text:
            return
        self.size += len(delta.text)
        self._held.append(delta)
        if self.size > MOST_HELD:
            self.stopped = texts.StoppedError(self._flags[0][0] if self._flags else self._rules[0].name)

    def _finish(self, event: events.StepFinished, shown: list[events.RunEvent]) -> None:
        self._close(shown)
        if self.stopped is not None:
            shown.append(msgspec.structs.replace(event, message=self.message(), finish=self.stopped.reason))
            self.in_step = False
        elif self._holds or any(rule.finds(text) for rule in self._rules for text in _arguments(event)):
            self._hold()
            self._held += [*self._calls, event]
            self.reviews = self._make_reviews(event)
        else:
            shown += [*self._calls, event]
            self._begin()
            self.in_step = False

    def _make_reviews(self, last: events.StepFinished) -> tuple[protocols.Review, ...]:
        """One for each rule that finds something in the step, for each may be somebody else's to answer; a text is
        searched whole, because a rule may find what another one has held before it was searched."""
        found = [channel.whole() for channel in self._channels.values()] + _arguments(last)
        flags = [*self._flags, *((each.name, each.reviewer) for each in self._rules if any(map(each.finds, found)))]
        parts = ["".join(channel.held) for channel in self._channels.values()]
        parts += [f"{call.name}({call.arguments})" for call in last.message.tool_calls]
        words = "\n\n".join(part for part in parts if part)
        return tuple(protocols.Review(name, words, who.by, who.expires) for name, who in dict.fromkeys(flags))


def _arguments(event: events.StepFinished) -> list[str]:
    return [call.arguments for call in event.message.tool_calls]


class _Channel:
    """One text of a step. What it has ``shown``, ``pending`` and ``held`` is the text as it came, in this order."""

    def __init__(self, rules: Sequence[review.AskingRule]) -> None:
        self._chain = texts.Chain([each.rule for each in rules])
        self.shown: list[str] = []
        self.pending = ""
        self.held: list[str] = []
        self.closed = self.has_found = False

    def feed(self, text: str) -> str:
        self.pending += text
        return self._take(self._chain.feed, text)

    def close(self) -> str:
        self.closed = True
        return self._take(self._chain.close)

    def _take(self, step: Callable[..., str], *given: str) -> str:
        try:
            text = step(*given)
        except texts.StoppedError as stopped:
            text, self.has_found = stopped.before, True
        self.shown.append(text)
        self.pending = self.pending[len(text) :]
        return text

    def whole(self) -> str:
        return "".join([*self.shown, *self.held])
