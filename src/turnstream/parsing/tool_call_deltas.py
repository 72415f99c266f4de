"""Tool calls that come as fragments, the way chat completions stream them, put together again.

The contract is a list of fragments ``{index, id, function: {name, arguments}}``, where the first fragment of a call has
its id and its name and the others have arguments only. Vendors break each part of it: no index, an index that starts
at 3 or is shared by two calls, an id or a name that is repeated, null, empty or absent, a name in pieces, a whole call
in one fragment, `{}` in place of the arguments that follow, arguments that repeat what was said
(`turnstream.parsing.repeated_arguments`). What tells a new call from more of the old one is decided here and nowhere
else. Where the name turns out to be longer than it was said to be, the call is started once more.
"""

from __future__ import annotations

import re
from typing import Any

from turnstream import events, jsontext
from turnstream.parsing import repeated_arguments

_MARKS = re.compile(r'["{}\[\]]|\\(?:.|\Z)', re.DOTALL)  # an escaped character is not a mark

_LONGEST_NAME = 128  # of one in pieces


class Assembler:
    """Fragments of one answer in, `ToolCallStart` and `ToolCallDelta` out, numbered from 0 by first appearance."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}  # the newest call under each index of the vendor
        self._by_id: dict[str, _Call] = {}  # the first call with each id
        self._last: _Call | None = None

    @property
    def started(self) -> bool:
        """Whether the answer has any call."""
        return bool(self._calls)

    def feed(
        self,
        index: int | None,
        call_id: str | None,
        name: str | None,
        arguments: str | None,
        out: list[events.ModelEvent],
        extra: dict[str, Any] | None = None,
    ) -> None:
        """One fragment; what it makes known is appended to ``out``."""
        call = self._last if index is None else self._by_index.get(index)
        if not name and not call_id and call is not None and call.started:  # nearly all: more of its arguments
            self._last = call
            if arguments:
                call.add_arguments(arguments, out)
            return
        if call_id == "null":  # Mistral's word for no id
            call_id = None
        if index is None and call_id and (call is None or call.id != call_id):
            call = self._by_id.get(call_id, call)
        if call is None or call.ended_by(call_id, name, arguments, alone=index is None):
            if self._last is not None:
                self._last.start(out)
                self._last.settle(out)
            call = _Call(len(self._calls))
            self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        self._last = call
        call.add(call_id, name, arguments, extra, out)
        if call_id and call.id:
            self._by_id.setdefault(call.id, call)

    def close(self, out: list[events.ModelEvent]) -> None:
        """The answer is over: start what waited for an id, and report what never got a name."""
        for call in self._calls:
            call.start(out)
            call.settle(out)
            if not call.started:
                out.append(events.ToolCallMalformed(call.index, "it has no name", "".join(call.arguments)))
        self._calls.clear()


class _Call:
    __slots__ = ("_placeholder", "_repeated", "_value", "arguments", "extra", "id", "index", "name", "started")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id = self.name = ""
        self.extra: dict[str, Any] | None = None
        self.arguments: list[str] = []  # until the start, what is held back; afterwards, what was said
        self.started = False
        self._placeholder = ""  # `{}`, held until it is clear that it was all
        self._repeated: repeated_arguments.Arguments | None = None
        self._value = _Value()

    def ended_by(self, call_id: str | None, name: str | None, arguments: str | None, *, alone: bool) -> bool:
        """Whether a fragment with this id and name begins another call; ``alone`` says that it has no index.

        Only a fragment with a name can. A new id then says so, unless the arguments so far stop in the middle: some
        vendors make up a new id for every fragment. Without one, another name says so if the arguments so far are
        complete, for else it is more of the same name. Without any ids, arguments that are complete say
        so.
        """
        if not name or not self.name:
            return False
        if call_id and self.id:
            return call_id != self.id and (alone or name != self.name or self._complete())
        if name != self.name:
            return (alone and not self.arguments) or self._complete()
        if self.id:
            return False
        return (alone and not self.arguments and not self._placeholder) or (bool(arguments) and self._complete())

    def _complete(self) -> bool:
        return bool(self._placeholder) or self._value.complete(self.arguments)

    def add(
        self,
        call_id: str | None,
        name: str | None,
        arguments: str | None,
        extra: dict[str, Any] | None,
        out: list[events.ModelEvent],
    ) -> None:
        if not self.started:
            self.id = self.id or call_id or ""
            self.extra = self.extra or extra
        if name and name != self.name and self._may_grow(name):
            self.name = name if name.startswith(self.name) else self.name + name
            if self.started:
                out.append(events.ToolCallStart(self.index, self.id, self.name, self.extra))
        if arguments:
            self.add_arguments(arguments, out)
        if not self.started and self.name and (self.id or self.arguments or self._placeholder):
            self.start(out)

    def _may_grow(self, name: str) -> bool:
        return not self.name or (len(self.name) + len(name) <= _LONGEST_NAME and not self._complete())

    def add_arguments(self, piece: str, out: list[events.ModelEvent]) -> None:
        repeated = self._repeated
        if repeated is not None and piece[0] != "{" and not self._placeholder and repeated.note(piece):  # nearly all
            self.arguments.append(piece)
            if self.started:
                out.append(events.ToolCallDelta(self.index, piece))
            return
        if not self.arguments and not self._placeholder and piece.strip() == "{}":
            self._placeholder = piece
            return
        if self._placeholder:
            held, self._placeholder = self._placeholder, ""
            if not piece.lstrip().startswith("{"):
                piece = held + piece
        if repeated is None:
            repeated = self._repeated = repeated_arguments.Arguments()
        self._say(repeated.feed(piece), out)

    def _say(self, pieces: list[str], out: list[events.ModelEvent]) -> None:
        self.arguments += pieces
        if self.started:
            for piece in pieces:
                out.append(events.ToolCallDelta(self.index, piece))

    def start(self, out: list[events.ModelEvent]) -> None:
        """Say that the call begins, if it can be said: it has a name."""
        if self.started or not self.name:
            return
        self.started = True
        out.append(events.ToolCallStart(self.index, self.id, self.name, self.extra))
        for piece in self.arguments:
            out.append(events.ToolCallDelta(self.index, piece))

    def settle(self, out: list[events.ModelEvent]) -> None:
        """No more of the call comes at once: what was held is said."""
        if self._placeholder:
            held, self._placeholder = self._placeholder, ""
            self._say([held], out)
        if self._repeated is not None:
            self._say(self._repeated.close(), out)


class _Value:
    """Whether fragments are one whole JSON object or array; each is looked at once, however often one asks."""

    __slots__ = ("_depth", "_ended", "_escape", "_seen", "_string", "_valid")

    def __init__(self) -> None:
        self._seen = self._depth = 0
        self._string = self._ended = False
        self._escape = ""  # a backslash whose character comes with the next fragment
        self._valid: bool | None = None

    def complete(self, fragments: list[str]) -> bool:
        while self._seen < len(fragments) and self._valid is not False:
            self._scan(fragments[self._seen])
            self._seen += 1
        if not self._ended or self._valid is False:
            return False
        if self._valid is None:
            self._valid = _is_json("".join(fragments))
        return self._valid

    def _scan(self, fragment: str) -> None:
        if self._ended and fragment.strip():
            self._valid = False  # something after the value
            return
        fragment, self._escape = self._escape + fragment, ""
        for found in _MARKS.finditer(fragment):
            mark = found[0]
            if mark == "\\":
                self._escape = mark
            elif mark == '"':
                self._string = not self._string
            elif not self._string and mark in "{[":
                self._depth += 1
            elif not self._string and mark in "}]":
                self._depth -= 1
                self._ended = self._ended or self._depth <= 0


def _is_json(text: str) -> bool:
    try:
        jsontext.decode(text)
    except ValueError:
        return False
    return True
