"""Which trace an outgoing request belongs to: whoever traces a run says so here, and everybody who sends asks.

A context variable, because a request to a model and a call of a tool go on in the task of their run, or in one that the
run has started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TypeAlias

Inject: TypeAlias = Callable[[str], Mapping[str, str]]

_NONE: Mapping[str, str] = {}
_inject: ContextVar[Inject | None] = ContextVar("turnstream.trace", default=None)


def begin(inject: Inject) -> None:
    """From here on in this task, and in those that it starts, ``inject(tool_call_id)`` gives the headers of W3C Trace
    Context for a request that is sent."""
    _inject.set(inject)


def end() -> None:
    _inject.set(None)


def headers(tool_call_id: str = "") -> Mapping[str, str]:
    """For a request of that tool call, or of the model; none if nobody traces the run."""
    inject = _inject.get()
    return _NONE if inject is None else inject(tool_call_id)
