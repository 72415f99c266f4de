"""One model answer while it is read: what the engines share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstream.parsing.text_calls import repair
from turnstream.parsing.text_calls.output import Output
from turnstream.parsing.text_calls.policy import Policy
from turnstream.parsing.text_calls.reader import Reader
from turnstream.parsing.text_calls.schema import Tools, Types
from turnstream.parsing.text_calls.typed_value import TypedValue
from turnstream.parsing.text_calls.values import escaped

if TYPE_CHECKING:
    from turnstream.parsing.text_calls.format import Format

CUT_OFF = "The call was cut off before its end."
NOT_JSON = "The arguments are not valid JSON."
NO_NAME = "The call names no tool."


class NotACallError(Exception):
    """What looked like a call is none: its text is given back."""


class MalformedError(Exception):
    """A call, but a broken one. The message says why, in a sentence for the model."""


class Parse:
    """The stream (``reader``), what is said of it (``out``), the offered tools, the format and the policy."""

    __slots__ = ("call", "format", "out", "policy", "reader", "reasoning", "tools")

    def __init__(self, format: Format, tools: Tools, policy: Policy) -> None:
        self.reader = Reader()
        self.out = Output(policy)
        self.policy = policy
        self.format = format
        self.tools = tools
        self.call: Call | None = None
        self.reasoning = False

    def start(self, name: str) -> Call:
        """A call begins; its name is known. Raises NotACall if the policy takes it for text."""
        if self.policy.unoffered == "text" and not self.tools.offers(name):
            raise NotACallError
        self.call = Call(self.out, name)
        return self.call

    def typed_value(self, call: Call, types: Types, *, trim: bool = False, guess: bool = True) -> TypedValue:
        """Reads the raw text of a parameter, whose key was given."""
        if self.policy.untyped != "family":
            guess = self.policy.untyped == "json"
        return TypedValue(call.emit, types, trim=trim, guess=guess)

    def malformed(self, reason: str) -> None:
        """What was recorded is a broken call."""
        started = self.call is not None and not self.call.done
        self.out.malformed(reason, self.reader.recorded(), started=started)
        self.call = None


class Call:
    """The open call. What is emitted is a prefix of the final arguments at every moment."""

    __slots__ = ("_open", "_out", "closed", "done", "given", "name")

    def __init__(self, out: Output, name: str) -> None:
        self._out = out
        self.name = name
        self.given: list[str] = []
        self.done = False
        self._open = False
        self.closed = False  # its closer was read, within its last value
        out.start(name)

    def emit(self, piece: str) -> None:
        if piece:
            self.given.append(piece)
            self._out.arguments(piece)

    def member(self, key: str) -> None:
        """A parameter begins; its value is to be emitted next."""
        self.emit((", " if self._open else "{") + '"' + escaped(key) + '": ')
        self._open = True

    def end(self) -> None:
        """The call is whole; without arguments it gets an empty object."""
        if self._open:
            self.emit("}")
        elif not self.given:
            self.emit("{}")
        self.done = True

    def mend(self, whole: object) -> None:
        """Finish from the mended arguments, of which a prefix was emitted. Raises Malformed."""
        rest = repair.rest_of(whole, "".join(self.given)) if isinstance(whole, dict) else None
        if rest is None:
            raise MalformedError(NOT_JSON)
        self.emit(rest)
        self.done = True
