"""What a format is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from turnstream.parsing.text_calls.reader import Parsing
from turnstream.parsing.text_calls.regions import Engine
from turnstream.parsing.text_calls.state import Parse

Root: TypeAlias = Callable[[Parse, bool], Parsing[None]]

THINK = (("<think>", "</think>"),)


@dataclass(frozen=True)
class Format:
    """How one family writes its answers.

    ``opens`` says what reads on after each marker; ``start`` reads calls that no marker announces and is tried where
    an answer begins. ``thinks`` are the tags of reasoning. ``calls_end_reasoning`` says that a call ends it (else it
    is reasoning), unless its marker is one of ``loose``; ``reasons_first`` that the family's prompt always opens it.
    ``closes`` are swallowed once there was a call, ``noise`` always. A ``root`` reads the answer instead of the
    common loop.
    """

    name: str
    opens: Mapping[str, Engine] = field(default_factory=dict)
    start: Engine | None = None
    thinks: tuple[tuple[str, str], ...] = THINK
    calls_end_reasoning: bool = True
    loose: tuple[str, ...] = ()
    reasons_first: bool = False
    closes: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    root: Root | None = None

    @cached_property
    def strays(self) -> tuple[str, ...]:
        """All closers that may come once too often."""
        engines = tuple(close for engine in self.opens.values() for close in getattr(engine, "closes", ()))
        return (*self.closes, *engines)
