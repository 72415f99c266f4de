"""What the loop needs of a model and of a toolbox. Providers and tools satisfy these without importing them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from turnstream.events import ModelEvent, ModelRequest, RunContext, ToolCall, ToolOutput, ToolSpec


class ModelStream(Protocol):
    """The answer of one model call: an async iterator of batches, each the events of one network read.

    An async generator will do.
    """

    def __aiter__(self) -> AsyncIterator[list[ModelEvent]]: ...

    def __anext__(self) -> Awaitable[list[ModelEvent]]: ...


class Model(Protocol):
    """Answers one `ModelRequest` as a stream. ``name`` is what logs and status lines call it: ``openai:gpt-5-mini``.

    Leaving the stream's ``async with`` closes the connection. Raises `ProviderError`. A model that owns a resource
    is an async context manager too; whoever owns the agent enters it.
    """

    @property
    def name(self) -> str: ...

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[ModelStream]: ...


class Toolbox(Protocol):
    """Some tools. A toolbox that owns a resource (a session, a thread pool) is an async context manager too."""

    async def tools(self, context: RunContext) -> Sequence[ToolSpec]:
        """The tools that this run may use, now."""
        ...

    async def call(self, call: ToolCall, context: RunContext) -> ToolOutput:
        """Execute one call. Raises `ToolError` to tell the model what went wrong. Is cancelled when the run is left."""
        ...
