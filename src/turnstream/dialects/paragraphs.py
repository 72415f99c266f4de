"""The texts of several steps as one text, for protocols in which an answer has no parts."""

from __future__ import annotations

from collections.abc import Iterable

from turnstream import events

GAP = "\n\n"
BREAKS = frozenset({events.StepStarted, events.HostedToolCall, events.MaxStepsReached, events.RunWaiting})


class Paragraphs:
    """A blank line between what was said before a break (a step, a tool of the vendor) and what is said after it:
    models end a step with "I look it up." and begin the next with "It is sunny." White space of their own is enough.

    While ``open``, text goes on as it comes, and only ``last`` is to be kept up to date; else it must `begin`.
    """

    __slots__ = ("last", "open")

    def __init__(self) -> None:
        self.open = False
        self.last = ""

    def see(self, event: events.LogEvent) -> None:
        """Any event but text."""
        if type(event) in BREAKS:
            self.open = False

    def begin(self, text: str) -> str:
        """The text, after a gap where there must be one."""
        if not text:
            return text
        spaced = not self.last or self.last[-1].isspace() or text[0].isspace()
        gap = "" if self.open or spaced else GAP
        self.open, self.last = True, text
        return gap + text


def join(batch: Iterable[events.RunEvent], last: str = "") -> str:
    """What the text deltas of a run add up to, and a ``last`` paragraph."""
    paragraphs, texts = Paragraphs(), []
    for event in batch:
        if isinstance(event, events.TextDelta):
            texts.append(paragraphs.begin(event.text))
        else:
            paragraphs.see(event)
    return "".join((*texts, paragraphs.begin(last)))
