"""What the parts ask of each other. They satisfy these without importing each other."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias, cast

from turnstream import events, messages, requests, toolspec


class ModelStream(Protocol):
    """The answer of one model call: an async iterator of batches, each the events of one network read.

    An async generator will do.
    """

    def __aiter__(self) -> AsyncIterator[list[events.ModelEvent]]: ...

    def __anext__(self) -> Awaitable[list[events.ModelEvent]]: ...


class Model(Protocol):
    """Answers one `ModelRequest` as a stream. ``name`` is what logs and status lines call it: ``openai:gpt-5-mini``.

    ``context`` says which run asks, and for whom, as a toolbox hears it too.

    Leaving the stream's ``async with`` closes the connection. Raises `ProviderError`. A model that owns a resource
    is an async context manager too; whoever owns the agent enters it.
    """

    @property
    def name(self) -> str: ...

    def stream(
        self, request: requests.ModelRequest, context: requests.RunContext
    ) -> AbstractAsyncContextManager[ModelStream]: ...


class RequestModel(Protocol):
    """A model whose ``stream`` takes the request alone: enough for one that needs to know nothing of the run."""

    @property
    def name(self) -> str: ...

    def stream(self, request: requests.ModelRequest) -> AbstractAsyncContextManager[ModelStream]: ...


AnyModel: TypeAlias = Model | RequestModel
OpenStream: TypeAlias = Callable[[requests.ModelRequest, requests.RunContext], AbstractAsyncContextManager[ModelStream]]


def opener(model: AnyModel) -> OpenStream:
    """The model's ``stream``, whether or not that wants the context."""
    open_with_context = cast("Model", model).stream
    try:
        parameters = inspect.signature(open_with_context).parameters.values()
    except (TypeError, ValueError):  # a callable without a signature
        return open_with_context
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    if len(positional) > 1 or any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return open_with_context
    open_alone = cast("RequestModel", model).stream
    return lambda request, context: open_alone(request)


class Toolbox(Protocol):
    """Some tools. A toolbox that owns a resource (a session, a thread pool) is an async context manager too."""

    async def tools(self, context: requests.RunContext) -> Sequence[toolspec.ToolSpec]:
        """The tools that this run may use, now."""
        ...

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        """Execute one call. Raises `ToolError` to tell the model what went wrong. Is cancelled when the run is left."""
        ...
