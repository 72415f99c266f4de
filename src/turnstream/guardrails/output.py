"""The events of a run as they may be shown.

Text, reasoning and refusals are three texts, each of which goes through the rules of its own streams: what they hold
back is shown later, and no other event waits for it, so an event may overtake the last characters before it. Where one
overtakes depends on what was said and not on how it was cut. Everything else is whole when it comes, and is shown with
each string of it changed.

A judge's answer comes from outside: `Output.question` is what is to be asked, and while it stands, nothing is shown.
The answer so far waits at the gate until it is judged, at places that are counted from its beginning.

What is kept is what was shown: the message of a `StepFinished` is remade where anything was changed. The items of it
that only a provider understands are left out then, for they may hold what was not shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from turnstream import events, messages
from turnstream.guardrails import texts, values
from turnstream.guardrails.gate import Gate, Question
from turnstream.guardrails.rules import Judge

Delta: TypeAlias = events.TextDelta | events.ReasoningDelta | events.RefusalDelta


class Output:
    """``rules`` are for all that is shown, ``answer_rules`` and ``judges`` for the text of answers alone.

    ``stopped`` is why the run ends, None while it goes on: then nothing more is fed, and `message` is what was shown of
    the step, if `StepFinished` has not told it yet (``in_step``). ``flagged`` are the judges that would have a person
    asked about what is given from their last answer on; whoever reads them empties the list.
    """

    def __init__(
        self, rules: Sequence[texts.Rule], answer_rules: Sequence[texts.Rule] = (), judges: Sequence[Judge] = ()
    ) -> None:
        self._rules = tuple(rules)
        self._answer_rules = (*self._rules, *answer_rules)
        self._gate = Gate(judges)
        self._waiting: deque[events.RunEvent] = deque()
        self._channels: dict[type[Delta], Channel] = {}
        self._arguments: dict[str, list[str]] = {}
        self.stopped: texts.StoppedError | None = None
        self.flagged: list[Judge] = []
        self.in_step = False

    @property
    def question(self) -> Question | None:
        return self._gate.question

    def feed(self, batch: Iterable[events.RunEvent]) -> list[events.RunEvent]:
        self._waiting += batch
        return self._go_on()

    def answer(self, allowed: bool) -> list[events.RunEvent]:
        """To the question."""
        shown: list[events.RunEvent] = []
        assert self.question is not None
        if not allowed and self.question.judge.reviewer is not None:
            self.flagged.append(self.question.judge)
        try:
            self._show(shown, events.TextDelta, self._gate.answer(allowed))
        except texts.StoppedError as stopped:
            self._stop(shown, stopped)
        return shown + self._go_on()

    def message(self) -> messages.AssistantMessage:
        """What was shown of this step's answer, without the calls, which nobody made."""
        reasoning = self._text_of(events.ReasoningDelta)
        text = self._text_of(events.TextDelta) + self._text_of(events.RefusalDelta)
        parts: list[messages.AssistantPart] = []
        if reasoning:
            parts.append(messages.ReasoningPart(reasoning))
        if text:
            parts.append(messages.TextPart(text))
        return messages.AssistantMessage(tuple(parts))

    def _go_on(self) -> list[events.RunEvent]:
        shown: list[events.RunEvent] = []
        while self._waiting and self.stopped is None and self.question is None:
            event = self._waiting[0]
            try:
                done = self._handle(event, shown)
            except texts.StoppedError as stopped:
                self._stop(shown, stopped)
                break
            if done and self._waiting:
                self._waiting.popleft()
        return shown

    def _stop(self, shown: list[events.RunEvent], stopped: texts.StoppedError) -> None:
        """A step that had come to its end is told of once more, as far as it was shown."""
        self.stopped = stopped
        event = self._waiting[0] if self._waiting else None
        if isinstance(event, events.StepFinished):
            shown.append(msgspec.structs.replace(event, message=self.message(), finish=stopped.reason))
            self.in_step = False
        self._waiting.clear()

    def _handle(self, event: events.RunEvent, shown: list[events.RunEvent]) -> bool:
        """False if the event is to be handled again, after the answer to a question."""
        match event:
            case events.TextDelta() | events.ReasoningDelta() | events.RefusalDelta():
                self._feed_text(type(event), self._take_run(type(event)), shown)
                return False  # it was taken
            case events.ToolCallArguments(tool_call_id=call, arguments=arguments):
                self._arguments.setdefault(call, []).append(arguments)
            case events.StepFinished():
                return self._finish_step(event, shown)
            case events.StepStarted():
                self.in_step = True
                shown.append(event)
            case events.RunFailed() | events.RunCancelled():
                self._close(shown)
                self._gate.begin()  # what nobody has judged is not shown
                shown.append(event)
            case _:
                shown.append(values.change_event(event, self._change_or_withhold))
        return True

    def _change(self, text: str) -> str:
        return texts.apply(self._rules, text)

    def _change_or_withhold(self, text: str) -> str:
        """Beside the answer, a rule that stops withholds what it found and the run goes on."""
        try:
            return self._change(text)
        except texts.StoppedError as stopped:
            return texts.withheld(stopped.rule)

    def _take_run(self, kind: type[Delta]) -> str:
        """The text of all deltas of one kind that come now: they are searched once."""
        taken = []
        while self._waiting and type(self._waiting[0]) is kind:
            taken.append(self._waiting.popleft().text)  # type: ignore[union-attr]
        return "".join(taken)

    def _channel(self, kind: type[Delta]) -> Channel:
        channel = self._channels.get(kind)
        if channel is None:
            rules = self._answer_rules if kind is events.TextDelta else self._rules
            channel = self._channels[kind] = Channel(rules)
            self.in_step = True
        return channel

    def _text_of(self, kind: type[Delta]) -> str:
        channel = self._channels.get(kind)
        return "" if channel is None else "".join(channel.shown)

    def _feed_text(self, kind: type[Delta], text: str, shown: list[events.RunEvent]) -> None:
        self._pass(kind, self._channel(kind), text, False, shown)

    def _close(self, shown: list[events.RunEvent]) -> None:
        for kind, channel in self._channels.items():
            if not channel.closed:
                self._pass(kind, channel, "", True, shown)

    def _pass(self, kind: type[Delta], channel: Channel, text: str, ending: bool, shown: list[events.RunEvent]) -> None:
        stopped = None
        try:
            given = channel.close() if ending else channel.feed(text)
        except texts.StoppedError as error:
            stopped, given = error, error.before
        if kind is events.TextDelta:
            given = self._gate.feed(given)
        self._show(shown, kind, given)
        if stopped is not None:
            raise stopped

    def _show(self, shown: list[events.RunEvent], kind: type[Delta], text: str) -> None:
        if text:
            self._channel(kind).shown.append(text)
            shown.append(kind(text))

    def _finish_step(self, event: events.StepFinished, shown: list[events.RunEvent]) -> bool:
        self._close(shown)
        if event.message.tool_calls:
            self._show(shown, events.TextDelta, self._gate.release())
        else:
            self._gate.end()
            if self.question is not None:
                return False
            self._show(shown, events.TextDelta, self._gate.release())
        message = values.change_calls(event.message, self._change)
        if self._is_changed():
            message = self._rewrite(message)
        elif message is not event.message:
            message = without_items(message)
        self._tell_arguments(message, shown)
        shown.append(event if message is event.message else msgspec.structs.replace(event, message=message))
        self._channels = {}
        self._gate.begin()
        self.in_step = False
        return True

    def _tell_arguments(self, message: messages.AssistantMessage, shown: list[events.RunEvent]) -> None:
        """Whole, for a fragment cannot be searched; of a call that turned out malformed, as they were."""
        calls = {call.id: call.arguments for call in message.tool_calls if call.malformed is None}
        for call, fragments in self._arguments.items():
            text = calls.get(call)
            if text is None:
                text = values.change_arguments("".join(fragments), self._change_or_withhold)
            shown.append(events.ToolCallArguments(call, text))
        self._arguments = {}

    def _is_changed(self) -> bool:
        return any(channel.is_changed() for channel in self._channels.values())

    def _rewrite(self, message: messages.AssistantMessage) -> messages.AssistantMessage:
        """The shown text stands where the first of it stood, and so does the shown reasoning."""
        left = {
            messages.ReasoningPart: self._text_of(events.ReasoningDelta),
            messages.TextPart: self._text_of(events.TextDelta) + self._text_of(events.RefusalDelta),
        }
        parts: list[messages.AssistantPart] = []
        for part in message.parts:
            match part:
                case messages.TextPart() | messages.ReasoningPart():
                    text = left.pop(type(part), "")
                    if text:
                        parts.append(type(part)(text))
                case messages.ToolCall():
                    parts.append(part)
                case messages.ProviderItem():
                    pass
        return messages.AssistantMessage(tuple(parts))


def without_items(message: messages.AssistantMessage) -> messages.AssistantMessage:
    return messages.AssistantMessage(
        tuple(part for part in message.parts if not isinstance(part, messages.ProviderItem))
    )


class Channel:
    """One text of a step, as it came and as it is shown."""

    def __init__(self, rules: Sequence[texts.Rule]) -> None:
        self._chain = texts.Chain(rules)
        self._given: list[str] = []
        self.shown: list[str] = []
        self.closed = False

    def feed(self, text: str) -> str:
        self._given.append(text)
        return self._chain.feed(text)

    def close(self) -> str:
        self.closed = True
        return self._chain.close()

    def is_changed(self) -> bool:
        return "".join(self._given) != "".join(self.shown)
