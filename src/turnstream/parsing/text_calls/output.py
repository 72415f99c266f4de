"""What a parse says: text, reasoning and calls, gathered into events.

**State**: the kind of what is being said and its pieces; whether a marker stood last; the white space whose fate is
open; the end of what was said, which tells where a marker stands. **Held back**: white space at the end of a text,
until it is known what follows: more text (it is given) or a marker (it is kept aside; what stands aside between two
texts is given when the second begins, so that they stay apart). **What ends it**: `take` gives everything that is not
held, `end` the rest. **Cost**: a piece is joined once; the end of what was said is looked at when a marker comes.
"""

from __future__ import annotations

import re

from turnstream import events
from turnstream.parsing.text_calls.policy import Policy

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_UNREAD = 64
_LINE = 256


class Output:
    """Joins what belongs together and keeps white space that only separates text from a marker out of the text."""

    __slots__ = (
        "_aside",
        "_began",
        "_events",
        "_fenced",
        "_gap",
        "_index",
        "_kind",
        "_line",
        "_new",
        "_parts",
        "_policy",
        "_thought_gap",
        "broken",
        "calls",
        "reasoned",
        "steady",
    )

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._events: list[events.ModelEvent] = []
        self._kind = ""
        self._parts: list[str] = []
        self._index = 0
        self._began = False  # some text was given
        self._aside = False  # the last thing was a marker
        self._gap: list[str] = []  # white space whose fate is open
        self._thought_gap: list[str] = []
        self._line = ""  # the end of the line that is being said
        self._new: list[str] = []  # what was said since `_line` was worked out
        self._fenced = False  # that line stands in a code fence
        self.calls = 0
        self.broken = False  # the last call is
        self.steady = False  # a text is going on, and nothing of it is held
        self.reasoned = False  # reasoning goes on, and some was given

    def fork(self) -> Output:
        """A copy that goes on from here with events of its own."""
        other = Output(self._policy)
        for name in ("_began", "_aside", "_fenced", "_line", "_index", "calls", "reasoned", "steady"):
            setattr(other, name, getattr(self, name))
        other._gap, other._thought_gap, other._new = list(self._gap), list(self._thought_gap), list(self._new)
        return other

    def follow(self, other: Output) -> None:
        """What the other said comes first."""
        self._flush()
        self._events[:0] = other.take()

    def take(self) -> list[events.ModelEvent]:
        """The events since the last time."""
        self._flush()
        found, self._events = self._events, []
        return found

    def text(self, piece: str) -> None:
        if not piece or (self.calls and not self._policy.text_after_calls):
            return
        self.note_passed(piece)
        if not self._policy.trim:
            self._began, self._aside, self.steady = True, False, True
            self._say("text", piece)
            return
        body = piece.rstrip()
        if not body:
            self._gap.append(piece)
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
        self._say("text", body)

    def reasoning(self, piece: str) -> None:
        """Reasoning is trimmed as well: what stands between its tags and its words is layout."""
        if piece:
            self.note_passed(piece)
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

    # Where the stream stands.

    def note_passed(self, piece: str) -> None:
        """A piece was given as it is, as `steady` allows for what does not end in white space."""
        self._new.append(piece)
        if len(self._new) > _UNREAD:
            self._work_out()

    def _work_out(self) -> None:
        text = self._line + "".join(self._new)
        self._new.clear()
        start = text.rfind("\n") + 1
        if start and len(_FENCE.findall(text, 0, start)) % 2:
            self._fenced = not self._fenced
        line = text[start:]
        self._line = line if len(line) <= _LINE else line[:8] + line[8 - _LINE :]

    @property
    def line(self) -> str:
        """What was said on this line since the last marker, or its end if it is long."""
        if self._new:
            self._work_out()
        return self._line

    @property
    def fenced(self) -> bool:
        """Whether the line stands in a code fence."""
        if self._new:
            self._work_out()
        return self._fenced

    @property
    def last_word(self) -> str:
        """The word that stands right before a marker, "" if it is long or white space is between."""
        line = self.line[-64:]
        if not line or line[-1].isspace():
            return ""
        word = line.split()[-1]
        return word if len(word) < 64 else ""

    @property
    def plain(self) -> bool:
        """Whether a text is going on."""
        return self._began and not self._aside

    @property
    def fresh(self) -> bool:
        """Whether nothing but white space stands between here and a marker, a call or the start."""
        return self._aside or not self._began

    def marker(self) -> None:
        """A marker stands here: what separates it from the text is not text."""
        self._aside, self.steady = True, False
        self._line = ""
        self._new.clear()
        if self.reasoned:
            self.reasoned = False
            self._thought_gap.clear()
        if not self._began:
            self._gap.clear()

    def apart(self) -> None:
        """Another message begins: its text stays apart from the text before it."""
        if self._began and not self._gap:
            self._gap.append("\n\n")

    def end(self) -> None:
        """The stream is over."""
        if self._gap and not self._aside:
            self._say("text", "".join(self._gap))
        self._gap.clear()

    # Calls.

    def start(self, name: str) -> int:
        """A call begins; its index."""
        self._flush()
        self.marker()
        self._index = self.calls
        self.calls += 1
        self.broken = False
        self._events.append(events.ToolCallStart(self._index, "", name))
        return self._index

    def arguments(self, piece: str) -> None:
        """A fragment of the arguments of the call that began last."""
        if piece:
            self._say("arguments", piece)

    def break_call(self, reason: str, raw: str, *, started: bool) -> None:
        """The call that began last, or one that has no name yet, is broken."""
        self._flush()
        self.marker()
        if not started:
            self._index = self.calls
            self.calls += 1
        self.broken = True
        self._events.append(events.ToolCallMalformed(self._index, reason, raw))

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
                self._events.append(events.TextDelta(piece))
            case "reasoning":
                self._events.append(events.ReasoningDelta(piece))
            case _:
                self._events.append(events.ToolCallDelta(self._index, piece))
        self._kind = ""
