"""The tool calls of one model answer while the model writes them: each gets its id when it begins, and is told of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import msgspec

from turnstream import events

_CALLS = frozenset({events.ToolCallStart, events.ToolCallDelta, events.ToolCallMalformed})


def has_calls(batch: Sequence[events.ModelEvent]) -> bool:
    return not _CALLS.isdisjoint(map(type, batch))


class StepCalls:
    """Model events in, run events out, no I/O. A call's id is the model's, if no call of the conversation has it yet,
    else one that begins with ``prefix``. ``find_used`` is asked when the first call begins: most answers have none.
    ``client_tools`` are the names of those that the client runs."""

    def __init__(
        self, step: int, prefix: str, find_used: Callable[[], set[str]], client_tools: Collection[str] = ()
    ) -> None:
        self._step = step
        self._client_tools = client_tools
        self._prefix = prefix
        self._find_used = find_used
        self._used: set[str] | None = None
        self._ids: dict[int, str] = {}
        self._made_up = 0

    def feed(self, batch: Sequence[events.ModelEvent]) -> tuple[list[events.ModelEvent], list[events.RunEvent]]:
        """The batch with the calls' ids, and what a watcher of the run sees of it."""
        named: list[events.ModelEvent] = []
        visible: list[events.RunEvent] = []
        for event in batch:
            match event:
                case events.ToolCallStart(index=index, id=id, name=name) if index not in self._ids:
                    own = self._ids[index] = self.unique(id)
                    event = event if own == id else msgspec.structs.replace(event, id=own)
                    own_index, client = len(self._ids) - 1, name in self._client_tools
                    visible.append(events.ToolCallStarted(self._step, own_index, own, name, client))
                case events.ToolCallStart(index=index):
                    event = msgspec.structs.replace(event, id=self._ids[index])
                case events.ToolCallDelta(index=index, arguments=arguments) if index in self._ids and arguments:
                    visible.append(events.ToolCallArguments(self._ids[index], arguments))
                case (
                    events.TextDelta()
                    | events.ReasoningDelta()
                    | events.RefusalDelta()
                    | events.HostedToolCall()
                    | events.HostedToolResult()
                    | events.SourceFound()
                ):
                    visible.append(event)
                case _:
                    pass
            named.append(event)
        return named, visible

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
