"""One request being answered, from first byte to end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING

from turnstream.events import Message, RunEvent, RunRequest, TerminalEvent, Usage

if TYPE_CHECKING:
    from typing import Self

    from turnstream.agent.agent import Agent


class Run:
    """``async with`` it and iterate: events one by one, or `batches`, each the events of one network read."""

    def __init__(self, agent: Agent, request: RunRequest, *, run_id: str | None = None) -> None:
        self.agent = agent
        self.request = request
        self.id = run_id or ""
        self.messages: list[Message] = []
        self.usage = Usage()
        self.outcome: TerminalEvent | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def __aiter__(self) -> AsyncIterator[RunEvent]:
        async for batch in self.batches():
            for event in batch:
                yield event

    async def batches(self) -> AsyncGenerator[list[RunEvent]]:
        yield []
