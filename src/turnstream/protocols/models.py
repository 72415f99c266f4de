"""What a model is: it answers a request as a stream of batches."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias, cast

from turnstream import events, requests


class ModelStream(Protocol):
    """The answer of one model call: an async iterator of batches, each the events of one network read.

    An async generator will do. One that may be the answer of any of several models says in ``model`` which it is. One
    that knows that its last batch was the last says so in ``ended``, and need not be asked for another.
    """

    def __aiter__(self) -> AsyncIterator[list[events.ModelEvent]]: ...

    def __anext__(self) -> Awaitable[list[events.ModelEvent]]: ...


Take: TypeAlias = Callable[[list[events.ModelEvent]], bool]
"""Takes a batch at once, or says that it does not. It takes nothing but text (`TextDelta`, `ReasoningDelta`,
`RefusalDelta`)."""


class RelayStream(ModelStream, Protocol):
    """A stream that can hand its batches on without waking the task that reads it: where a token is a read of its own,
    waking costs more than the token."""

    def relay(self, take: Take) -> Awaitable[list[events.ModelEvent]]:
        """The next batch that ``take`` does not take. Each is offered as it comes, maybe from within the network read.
        Ends, and raises, as ``__anext__`` does; what ``take`` raises, it raises too."""
        ...


def relay_of(stream: ModelStream) -> Callable[[Take], Awaitable[list[events.ModelEvent]]] | None:
    """``stream.relay``; None if it has none."""
    return getattr(stream, "relay", None)


def has_ended(stream: ModelStream) -> bool:
    return getattr(stream, "ended", False)


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
