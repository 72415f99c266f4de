"""What a format is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from turnstream.parsing.text_calls.reader import Parsing, Stops
from turnstream.parsing.text_calls.regions import Engine
from turnstream.parsing.text_calls.state import Parse

Root: TypeAlias = Callable[[Parse, bool], Parsing[None]]

THINK = (("<think>", "</think>"),)

# What ends a turn, in whichever family. At the end of an answer such a token is not text; named in a sentence it is.
END_TOKENS = (
    *("<|im_end|>", "<|end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>", "<|end_of_text|>", "<|eot|>", "<|eos|>"),
    *("<|assistant_end|>", "[|endofturn|]", "<|endofturn|>", "<|end_of_turn|>", "<end_of_turn>", "<turn|>", "</s>"),
    *("<｜end▁of▁sentence｜>", "<|end▁of▁sentence|>", "<|END_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|iquest_end|>"),
    *("<|return|>", "<|call|>", "<|user|>", "<|observation|>", "<|role_end|>", "<|role_sep|>", "<eos>", "[EOS]"),
    *("[unused10]", "[unused9]", "<|im_start|>", "<|assistant_start|>", "<|endofmessage|>", "<|end_of_sentence|>"),
)


# What may follow markers that are ordinary characters: a key of a call, a name, a bracket; or the text goes on later.
_LATER = r"\s|\Z"
_OBJECT = rf"(?=\s{{0,8}}+(?:[\"']?[nftapikc#]|/[/*]|/\Z|[\"']\Z|{_LATER}))"
_LIST = rf"(?=\s{{0,8}}+(?:\{{{_OBJECT}|[^\W\d]|{_LATER}))"
_FENCED = rf"(?=\s{{0,8}}+(?:\{{{_OBJECT}|\[{_LIST}|{_LATER}))"
GUARDS = {
    **dict.fromkeys(("{", "\n{"), _OBJECT),
    **dict.fromkeys(("[", "\n["), _LIST),
    **dict.fromkeys(("```", "```json"), _FENCED),
    "\n<": r"(?=[^\W\d]|\Z)",
}


_END = re.compile(r"<[|｜].*end")


@dataclass(frozen=True)
class Format:
    """How one family writes its answers.

    ``opens`` says what reads on after each marker; ``start`` reads calls that no marker announces and is tried where
    an answer begins. ``thinks`` are the tags of reasoning. ``calls_end_reasoning`` says that a call ends reasoning
    which is never closed (else it is reasoning always), unless its marker is one of ``loose``; ``reasons_first`` that
    the family's prompt always opens it. ``closes`` are swallowed once there was a call, ``noise`` always. ``untold``
    is the word with which reasoning begins whose opener got lost. A ``root`` reads the answer instead of the common
    loop.
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
    untold: str = ""
    root: Root | None = None

    @cached_property
    def strays(self) -> frozenset[str]:
        """All closers that may come once too often."""
        engines = (close for engine in self.opens.values() for close in getattr(engine, "closes", ()))
        return frozenset((*self.closes, *engines))

    @cached_property
    def ends(self) -> frozenset[str]:
        """All that ends a call, or what stands around calls, in a tag."""
        marks = (mark for engine in self.opens.values() for mark in getattr(engine, "marks", ()))
        return frozenset(mark for mark in (*self.strays, *marks) if mark.startswith("</") or _END.match(mark))

    @cached_property
    def closers(self) -> frozenset[str]:
        """What closes reasoning."""
        return frozenset(close for _, close in self.thinks)

    @cached_property
    def over(self) -> frozenset[str]:
        """The tokens that end a turn and mean nothing else here."""
        return frozenset(END_TOKENS) - self.opens.keys() - {tag for pair in self.thinks for tag in pair}

    @cached_property
    def noises(self) -> frozenset[str]:
        return frozenset(self.noise) - self.over

    @cached_property
    def text_marks(self) -> Stops:
        """What is looked for in text."""
        tags = (tag for pair in self.thinks for tag in pair)
        guards = {mark: guard for mark, guard in GUARDS.items() if mark in self.opens}
        return Stops((*self.opens, *tags, *self.strays, *self.noises, *self.over), guards)

    @cached_property
    def breaks(self) -> frozenset[str]:
        """What begins a call in reasoning: a marker that is not a word, a bracket or a fence."""
        if not self.calls_end_reasoning:
            return frozenset()
        return frozenset(mark for mark in self.opens if mark not in self.loose and mark[:1] in "<[]" and len(mark) > 3)

    @cached_property
    def tails(self) -> Stops:
        """What may be cut off at the end of an answer."""
        marks = (mark for engine in self.opens.values() for mark in getattr(engine, "marks", ()))
        return Stops((*self.text_marks.literals, *marks))
