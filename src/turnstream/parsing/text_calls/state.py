"""One model answer while it is read: what the engines share."""

from __future__ import annotations

from turnstream import events
from turnstream.parsing.text_calls import literals
from turnstream.parsing.text_calls.output import Output
from turnstream.parsing.text_calls.policy import Policy
from turnstream.parsing.text_calls.reader import Reader
from turnstream.parsing.text_calls.schema import Tools, Types
from turnstream.parsing.text_calls.strings import escape_inside
from turnstream.parsing.text_calls.typed_value import TypedValue

CUT_OFF = "The call was cut off before its end."
NOT_JSON = "The arguments are not valid JSON."
NO_NAME = "The call names no tool."
NO_CALL = "The text between the tool call's markers is not a call."
LOST = "An argument of the call could not be read."


class NotACallError(Exception):
    """What looked like a call is text after all, and is given back."""


class MalformedError(Exception):
    """A call, but a broken one. The message says why, in a sentence for the model."""


class Parse:
    """The stream (``reader``), what is said of it (``out``), the offered tools, the format's closers and the policy.

    ``inline`` says that the marker at hand stands within a line of text or in thoughts, where it may well be written
    about: then only what can be nothing else is a call. ``reasoning`` are the tags that would close the thoughts
    which the reader stands in. ``began`` is where the open call began, as an offset of what the reader recorded.
    """

    __slots__ = (
        "_shown",
        "began",
        "call",
        "header",
        "inline",
        "json",
        "out",
        "policy",
        "reader",
        "reasoning",
        "reread",
        "tools",
    )

    def __init__(self, tools: Tools, policy: Policy) -> None:
        self.reader = Reader()
        self.out = Output(policy)
        self.policy = policy
        self.tools = tools
        self.call: Call | None = None
        self.inline = False
        self.reasoning: tuple[str, ...] = ()
        self.began = 0
        self.json = False
        self.header: str | None = None  # the name in the header of the message at hand, where a family has it there
        self.reread = 0
        self._shown: Output | None = None

    def start(self, name: str) -> Call:
        """A call begins; its name is known. Raises NotACallError if the policy takes it for text."""
        name = self.tools.find(name)
        if self.policy.unoffered == "text" and not self.tools.offers(name):
            raise NotACallError
        self.call = Call(self.out, name)
        self.inline = False
        return self.call

    def typed_value(
        self, call: Call, types: Types, *, trim: bool = False, guess: bool = True, paired: bool = False
    ) -> TypedValue:
        """Reads the raw text of a parameter, whose key was given."""
        return TypedValue(call.emit, types, trim=trim, guess=self.guesses(guess), paired=paired)

    def guesses(self, family: bool) -> bool:
        """Whether a value without a schema that reads as JSON is JSON."""
        return family if self.policy.untyped == "family" else self.policy.untyped == "json"

    def break_call(self, reason: str) -> None:
        """What was recorded is a broken call."""
        started = self.call is not None and not self.call.done
        self.out.break_call(reason, self.reader.recording(), started=started)
        self.call = None

    # A call within thoughts is a call only if the thoughts never close. Until that is known, what it says is held.

    @property
    def holding(self) -> bool:
        return self._shown is not None

    def hold(self, back: int) -> None:
        """From here on nothing is said, but kept; ``back`` characters just consumed are kept too."""
        self.reader.keep(back)
        self._shown = self.out
        self.out = self.out.fork()

    def release(self) -> None:
        """It was a call: what was kept is said."""
        assert self._shown is not None
        self.out.follow(self._shown)
        self._shown = None
        self.reader.drop_kept()

    def take_back(self) -> str:
        """It was a thought: nothing of it was said. Its text."""
        assert self._shown is not None
        self.out, self._shown = self._shown, None
        text = self.reader.kept()
        self.reader.drop_kept()
        return text

    def take(self) -> list[events.ModelEvent]:
        """What can be said now."""
        return (self._shown or self.out).take()


class Call:
    """The open call. What is emitted is a prefix of the final arguments at every moment."""

    __slots__ = ("_open", "_out", "closed", "done", "given", "keys", "name")

    def __init__(self, out: Output, name: str) -> None:
        self._out = out
        self.name = name
        self.given: list[str] = []
        self.keys: list[str] = []
        self.done = False
        self._open = False
        self.closed = False  # its closer was read, within its last value
        out.start(name)

    def emit(self, piece: str) -> None:
        if piece:
            self.given.append(piece)
            self._out.arguments(piece)

    def member(self, key: str) -> None:
        """A parameter begins; its value is to be emitted next. Raises MalformedError if all arguments are there."""
        if self.given and not self._open:
            raise MalformedError(LOST)
        self.keys.append(key)
        self.emit((", " if self._open else "{") + '"' + escape_inside(key) + '": ')
        self._open = True

    def end(self) -> None:
        """The call is whole; without arguments it gets an empty object."""
        if self._open:
            self.emit("}")
        elif not self.given:
            self.emit("{}")
        self.done = True

    def finish(self, whole: dict[str, object]) -> None:
        """End with these arguments, of which a prefix was emitted. Raises MalformedError."""
        rest = literals.rest_of(whole, "".join(self.given))
        if rest is None:
            raise MalformedError(NOT_JSON)
        self.emit(rest)
        self.done = True
