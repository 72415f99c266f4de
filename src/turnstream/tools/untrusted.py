"""Which runs have read what came from outside: what they ask for after that may be somebody else's wish."""

from __future__ import annotations

from collections import OrderedDict

from turnstream import messages, protocols, requests, toolspec
from turnstream.tools import wrap

_MOST_RUNS = 10_000


class Readers:
    """The last runs that have read something from outside. One for the toolboxes of an agent."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, None] = OrderedDict()

    def add(self, run_id: str) -> None:
        self._runs[run_id] = None
        self._runs.move_to_end(run_id)
        while len(self._runs) > _MOST_RUNS:
            self._runs.popitem(last=False)

    def __contains__(self, context: object) -> bool:
        """A run that had results before this process owned it counts as one that has read."""
        return isinstance(context, requests.RunContext) and (context.has_results or context.run_id in self._runs)


class FromOutside(wrap.Wrapper):
    """Whatever a call gives, its run has read from outside; a failure is told in words from there too."""

    def __init__(self, box: protocols.Toolbox, readers: Readers) -> None:
        super().__init__(box)
        self._readers = readers

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        try:
            return await self.box.call(call, context)
        finally:
            self._readers.add(context.run_id)
