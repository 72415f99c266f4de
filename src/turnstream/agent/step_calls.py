"""The tool calls of one model answer while the model writes them: each gets its id when it begins, and is told of."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import compress, groupby
from typing import Any

import msgspec

from turnstream import events

_CALLS = frozenset({events.ToolCallStart, events.ToolCallDelta, events.ToolCallMalformed})


def has_calls(batch: list[events.ModelEvent]) -> bool:
    return not _CALLS.isdisjoint(map(type, batch))


def visible_of(batch: list[events.ModelEvent]) -> list[events.RunEvent]:
    return [*compress(batch, map(events.VISIBLE.__contains__, map(type, batch)))]  # type: ignore[list-item]


class StepCalls:
    """Model events in, run events out, no I/O. A call's id is the model's, if no call of the conversation has it yet,
    else one that begins with ``prefix``. ``find_used`` is asked when the first call begins: most answers have none.
    ``client_tools`` are the names of those that the client runs."""

    __slots__ = ("_client_tools", "_find_used", "_ids", "_made_up", "_prefix", "_step", "_used")

    def __init__(
        self,
        step: int,
        prefix: str,
        find_used: Callable[[], set[str]],
        client_tools: Collection[str] = (),
    ) -> None:
        self._step = step
        self._client_tools = client_tools
        self._prefix = prefix
        self._find_used = find_used
        self._used: set[str] | None = None
        self._ids: dict[int, str] = {}
        self._made_up = 0

    def feed(self, batch: list[events.ModelEvent]) -> tuple[list[events.ModelEvent], list[events.RunEvent]]:
        """The batch with the calls' ids, and what a watcher of the run sees of it."""
        named: list[events.ModelEvent] = []
        visible: list[events.RunEvent] = []
        alike: Any
        for kind, alike in groupby(batch, type):
            if kind is events.ToolCallStart:
                for event in alike:
                    named.append(self._name(event, visible))
                continue
            named += (alike := [*alike])
            if kind is events.ToolCallDelta:
                for event in alike:
                    own = self._ids.get(event.index)
                    if own is not None and event.arguments:
                        visible.append(events.ToolCallArguments(own, event.arguments))
            elif kind in events.VISIBLE:
                visible += alike
        return named, visible

    def _name(self, event: events.ToolCallStart, visible: list[events.RunEvent]) -> events.ToolCallStart:
        """The event with the call's own id. A call is shown where it begins; its name may come again, and longer."""
        own = self._ids.get(event.index)
        if own is None:
            at, client = len(self._ids), event.name in self._client_tools
            own = self._ids[event.index] = self.unique(event.id)
            visible.append(events.ToolCallStarted(self._step, at, own, event.name, client))
        return event if own == event.id else msgspec.structs.replace(event, id=own)

    def id_of(self, call_id: str) -> str:
        """The id of a call of the answer: its own if it has begun here, else a new one."""
        return call_id if call_id in self._ids.values() else self.unique(call_id)

    def unique(self, wanted: str) -> str:
        if self._used is None:
            self._used = self._find_used()
        id = wanted
        while not id or id in self._used:
            id = f"{self._prefix}_{self._made_up}"
            self._made_up += 1
        self._used.add(id)
        return id
