"""What a parse says: text, reasoning and calls, gathered into events."""

from __future__ import annotations

from turnstream.events import ModelEvent, ReasoningDelta, TextDelta, ToolCallDelta, ToolCallMalformed, ToolCallStart
from turnstream.parsing.text_calls.policy import Policy


class Output:
    """Joins what belongs together and keeps white space that only separates text from a marker out of the text.

    White space at the end of a text is held until it is known what follows: more text (it is given) or a marker (it
    is kept aside). What stands aside between two texts is given when the second begins, so that they stay apart.
    """

    __slots__ = (
        "_aside",
        "_began",
        "_events",
        "_gap",
        "_index",
        "_kind",
        "_parts",
        "_policy",
        "_tail",
        "_thought_gap",
        "calls",
        "reasoned",
        "steady",
    )

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._events: list[ModelEvent] = []
        self._kind = ""
        self._parts: list[str] = []
        self._index = 0
        self._began = False  # some text was given
        self._aside = False  # the last thing was a marker
        self._gap: list[str] = []  # white space whose fate is open
        self.calls = 0
        self.steady = False  # a text is going on, and nothing of it is held
        self._tail = ""
        self._thought_gap: list[str] = []
        self.reasoned = False  # reasoning goes on, and some was given

    def take(self) -> list[ModelEvent]:
        """The events since the last time."""
        self._flush()
        events, self._events = self._events, []
        return events

    def text(self, piece: str) -> None:
        if not piece or (self.calls and not self._policy.text_after_calls):
            return
        if not self._policy.trim:
            self._began, self._aside, self.steady = True, False, True
            self._remember(piece)
            self._say("text", piece)
            return
        body = piece.rstrip()
        if not body:
            self._gap.append(piece)
            self._remember(piece)
            self.steady = False
            return
        gap = piece[len(body) :]
        if self._aside and not self._began:
            body = body.lstrip()
        elif self._gap:
            body = "".join(self._gap) + body
        self._gap = [gap] if gap else []
        self._began, self._aside = True, False
        self.steady = not gap
        self._remember(piece)
        self._say("text", body)

    def passed(self, piece: str) -> None:
        """A piece was given as it is, as `steady` allows for what does not end in white space."""
        self._remember(piece)

    def _remember(self, piece: str) -> None:
        tail = self._tail + piece if len(piece) < 128 else piece
        self._tail = tail if len(tail) < 256 else tail[-128:]

    @property
    def last_word(self) -> str:
        """The word that stands right before a marker, "" if it is long or white space is between."""
        tail = self._tail[-64:]
        if not tail or tail[-1].isspace():
            return ""
        word = tail.split()[-1]
        return word if len(word) < 64 else ""

    @property
    def plain(self) -> bool:
        """Whether a text is going on."""
        return self._began and not self._aside

    def marker(self) -> None:
        """A marker stands here: what separates it from the text is not text."""
        self._aside, self.steady = True, False
        self._tail = ""
        if self.reasoned:
            self.reasoned = False
            self._thought_gap.clear()
        if not self._began:
            self._gap.clear()

    def reasoning(self, piece: str) -> None:
        """Reasoning is trimmed as well: what stands between its tags and its words is layout."""
        body = piece.rstrip() if self._policy.trim else piece
        if not body:
            if piece and self.reasoned:
                self._thought_gap.append(piece)
            self.steady = False
            return
        gap = piece[len(body) :]
        if not self.reasoned:
            body = body.lstrip() if self._policy.trim else body
        elif self._thought_gap:
            body = "".join(self._thought_gap) + body
        self._thought_gap = [gap] if gap else []
        self.reasoned, self.steady = True, not gap
        self._say("reasoning", body)

    def end(self) -> None:
        """The stream is over."""
        if self._gap and not self._aside:
            self._say("text", "".join(self._gap))
        self._gap.clear()

    def start(self, name: str) -> int:
        """A call begins; its index."""
        self._flush()
        self.marker()
        self._index = self.calls
        self.calls += 1
        self._events.append(ToolCallStart(self._index, "", name))
        return self._index

    def arguments(self, piece: str) -> None:
        """A fragment of the arguments of the call that began last."""
        if piece:
            self._say("arguments", piece)

    def malformed(self, reason: str, raw: str, *, started: bool) -> None:
        """The call that began last, or one that has no name yet, is broken."""
        self._flush()
        self.marker()
        if not started:
            self._index = self.calls
            self.calls += 1
        self._events.append(ToolCallMalformed(self._index, reason, raw))

    def _say(self, kind: str, piece: str) -> None:
        if kind != self._kind:
            self._flush()
            self._kind = kind
        self._parts.append(piece)

    def _flush(self) -> None:
        if not self._parts:
            return
        piece = "".join(self._parts)
        self._parts.clear()
        match self._kind:
            case "text":
                self._events.append(TextDelta(piece))
            case "reasoning":
                self._events.append(ReasoningDelta(piece))
            case _:
                self._events.append(ToolCallDelta(self._index, piece))
        self._kind = ""
