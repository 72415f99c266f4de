"""How a run comes to wait for a word from outside: what it asks, and what it has told until then, kept before anybody
sees that it waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from turnstream import conversation, errors, events, messages, protocols, requests, toolspec, usage
from turnstream.agent import codes
from turnstream.agent.record import Record

E = TypeVar("E", bound=events.LogEvent)
Effects = Callable[[Sequence[messages.ToolCall]], dict[str, toolspec.Effect]]


_NOTHING: frozenset[Any] = frozenset()  # each of its own takes 216 bytes


class Pause:
    """``possible`` says whether the run can wait: it is kept (``progress``), or can be kept from then on (``wait``);
    then ``record`` has what it has told.
    ``lifetime`` is how long its questions are answered, in seconds; None: for ever."""

    __slots__ = ("_altered", "_approved", "_lifetime", "_wait", "possible", "record")

    def __init__(
        self,
        started: events.RunStarted,
        progress: conversation.Progress | None,
        wait: protocols.BeginWait | None,
        lifetime: float | None,
    ) -> None:
        self.possible = progress is not None or wait is not None
        self._approved: frozenset[tuple[str, str]] = _NOTHING if progress is None else progress.approved
        self._wait = wait
        self._lifetime = lifetime
        self.record = None if wait is None else Record(started)
        self._altered: frozenset[str] = _NOTHING

    def add_unfinished(self, message: messages.AssistantMessage) -> None:
        """What was shown of a step whose rest waits."""
        if self.record is not None:
            self.record.add_unfinished(message)

    def note_altered(self, batch: Sequence[events.RunEvent], shown: Sequence[events.RunEvent]) -> None:
        """A guard shows the batch so: nobody may approve a call whose arguments are hidden."""
        self._altered |= codes.find_altered(batch, shown)

    async def ask_approval(self, call: messages.ToolCall, by: str = "") -> bool:
        """Nothing is held while a person thinks: the call ends, and is made again when it is approved. ``by`` is who
        has to say so (`asks.Ask.by`); where nobody is named, whoever has."""
        if any(id == call.id and by in ("", who) for id, who in self._approved):
            return True
        if call.id in self._altered:
            raise errors.ToolError(
                f"The call of {call.name} needs approval, and a guardrail hides its arguments: it was not executed."
            )
        raise protocols.AskError(events.Ask(call.id, "approval"))

    def with_effects(self, batch: Iterable[events.RunEvent], effects: Effects) -> list[events.RunEvent]:
        return [_with_effects(event, effects) for event in batch]

    async def begin(
        self,
        request: requests.RunRequest,
        step: int,
        calls: Iterable[messages.ToolCall],
        asks: Iterable[events.Ask],
        tokens: usage.Usage,
        effects: Effects,
    ) -> events.RunWaiting:
        """What the run waits for from now on: it is stored before anybody sees it."""
        until = None if self._lifetime is None else time.time() + self._lifetime
        asked = tuple(codes.name_ask(ask, until) for ask in asks)
        waiting = events.RunWaiting(step, _waiting_calls(calls, asked), asked, tokens)
        if self._wait is None or self.record is None:
            return waiting
        told = [_with_effects(event, effects) for event in self.record.log]
        waiting = msgspec.structs.replace(waiting, seq=len(told) + 1)
        await self._wait(request, [*told, waiting])
        return waiting


def _waiting_calls(calls: Iterable[messages.ToolCall], asked: Sequence[events.Ask]) -> tuple[messages.ToolCall, ...]:
    """The calls that are asked about, with the arguments that the questions are about."""
    by_call = {ask.tool_call_id: ask.arguments for ask in asked}
    waiting = (call for call in calls if call.id in by_call)
    return tuple(
        call if (changed := by_call[call.id]) is None else msgspec.structs.replace(call, arguments=changed)
        for call in waiting
    )


def _with_effects(event: E, effects: Effects) -> E:
    """As a run that is kept from its beginning tells it."""
    if not isinstance(event, events.ToolCallsDetected):
        return event
    return msgspec.structs.replace(event, effects=effects(event.tool_calls))
