"""Text and reasoning as blocks that open and close, for the protocols that want them so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from turnstream import events, jsontext
from turnstream.dialects import base

Kind = Literal["text", "reasoning"]


class BlockEncoder(base.StreamEncoder):
    """An `Encoder` whose deltas stand in blocks: at most one is open, and each has an id, ``prefix`` and a number.

    A subclass writes what opens a block, begins a delta in it (all before the JSON string) and closes it, and every
    other event. It sets ``ended`` with its terminal frame; nothing follows that.
    """

    delta_end: ClassVar[bytes] = b"}\n\n"
    """What follows a delta's JSON string."""

    def __init__(self, prefix: str) -> None:
        self.last = ""  # the latest text
        self.refused = False  # whether the model has declined
        self._prefix = prefix
        self._count = 0
        self._kind: Kind | None = None
        self._id = ""
        self._delta = b""

    def feed(self, batch: Sequence[events.LogEvent]) -> bytes:
        if self.ended:
            return b""
        pieces: list[bytes] = []
        end = self.delta_end
        for event in batch:
            if type(event) is events.TextDelta:
                if self._kind == "text" and event.text:  # `_say`, written out: this is done for every token
                    self.last = event.text
                    pieces += (self._delta, jsontext.string(event.text), end)
                else:
                    pieces.append(self._say("text", event.text))
            elif type(event) is events.ReasoningDelta:
                pieces.append(self._say("reasoning", event.text))
            elif type(event) is events.RefusalDelta:
                self.refused = True
                pieces.append(self._say("text", event.text))
            elif isinstance(event, events.RunResumed):
                pieces += (self._leave(), self.abandon())
            elif isinstance(event, events.RunEvent):
                pieces += (self._leave(), self.event(event))
                if type(event) in base.LAST:
                    break
        return b"".join(pieces)

    def _say(self, kind: Kind, text: str) -> bytes:
        if not text:  # clients refuse empty deltas
            return b""
        if kind == "text":
            self.last = text
        opened = b"" if self._kind == kind else self._enter(kind)
        return opened + self._delta + jsontext.string(text) + self.delta_end

    def _enter(self, kind: Kind) -> bytes:
        closed = self._leave()
        self._count += 1
        self._kind, self._id = kind, f"{self._prefix}{self._count}"
        self._delta = self.delta(kind, self._id)
        return closed + self.open_block(kind, self._id)

    def _leave(self) -> bytes:
        if self._kind is None:
            return b""
        kind, self._kind = self._kind, None
        return self.close_block(kind, self._id)

    def open_block(self, kind: Kind, id: str) -> bytes:
        raise NotImplementedError

    def delta(self, kind: Kind, id: str) -> bytes:
        """A delta's frame up to its text, which ``delta_end`` follows."""
        raise NotImplementedError

    def close_block(self, kind: Kind, id: str) -> bytes:
        raise NotImplementedError

    def event(self, event: events.RunEvent) -> bytes:
        """Whatever is no delta."""
        raise NotImplementedError

    def abandon(self) -> bytes:
        """Another process makes the step again that was not finished: what was shown of it is void."""
        raise NotImplementedError
