"""What is between those who watch a run and those who send requests for it: the watchers say which trace a request
belongs to, and hear what went wrong with it.

Context variables, because a request to a model and a call of a tool go on in the task of their run, or in one that the
run has started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TypeAlias

Inject: TypeAlias = Callable[[str], Mapping[str, str]]
Hear: TypeAlias = Callable[[str, str, bool], None]

_NONE: Mapping[str, str] = {}
_inject: ContextVar[Inject | None] = ContextVar("turnstream.trace", default=None)

_listeners: ContextVar[tuple[Hear, ...]] = ContextVar("turnstream.listeners", default=())


def listen(hear: Hear) -> None:
    """From here on, ``hear(model, code, retried)`` is told of every failure of a model, and whether it is asked
    again."""
    _listeners.set((*_listeners.get(), hear))


def tell_failure(model: str, code: str, retried: bool) -> None:
    for hear in _listeners.get():
        hear(model, code, retried)


def begin(inject: Inject) -> None:
    """From here on in this task, and in those that it starts, ``inject(tool_call_id)`` gives the headers of W3C Trace
    Context for a request that is sent."""
    _inject.set(inject)


def end() -> None:
    """The run is over: nobody listens in this task any longer, and nobody traces."""
    _inject.set(None)
    _listeners.set(())


def headers(tool_call_id: str = "") -> Mapping[str, str]:
    """For a request of that tool call, or of the model; none if nobody traces the run."""
    inject = _inject.get()
    return _NONE if inject is None else inject(tool_call_id)
