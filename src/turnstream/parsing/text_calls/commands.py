"""CWM's calls: ``<tool: LABEL>``, the tool's name as the first word, then a JSON object or a plain command.

**Held back**: the tag until it is whole, then the name. **What ends it**: ``</tool>`` with a line's end, a tag or the
end of the stream behind it. **Cost**: each character once.
"""

from __future__ import annotations

import re

from turnstream.parsing.text_calls import json_calls, recovery, tagged
from turnstream.parsing.text_calls.reader import Parsing, stops
from turnstream.parsing.text_calls.state import NO_NAME, Call, MalformedError, NotACallError, Parse
from turnstream.parsing.text_calls.strings import TruncatedError
from turnstream.parsing.text_calls.typed_value import encode_typed

_NAME_END = re.compile(r"[\s<]")
_LONGEST_LABEL = 60


class Command:
    """``parameter`` is what a plain command is given as; a tool with another only parameter takes it there."""

    def __init__(self, closes: tuple[str, ...], parameter: str) -> None:
        self.closes = self.marks = closes
        self._parameter = parameter

    def __call__(self, parse: Parse, marker: str) -> Parsing[None]:
        reader = parse.reader
        label, mark = yield from reader.collect_within(_LONGEST_LABEL, ">", "<", "\n")
        if mark != ">":
            raise NotACallError
        blank = yield from reader.space()
        if parse.inline and "\n" not in blank and "{" not in label:
            ahead = yield from reader.ahead(_NAME_END, 0, 200)
            if not (parse.tools.known and parse.tools.offers(ahead[:-1])):
                raise NotACallError
        parse.call = None
        yield from recovery.recovering(parse, self._call(parse), stops(*self.closes))
        yield from reader.space()
        yield from reader.take(*self.closes)

    def _call(self, parse: Parse) -> Parsing[None]:
        reader = parse.reader
        parse.began = reader.offset
        name = yield from reader.run(_NAME_END, 256)
        if not name:
            if not (yield from reader.peek()):
                raise TruncatedError
            raise MalformedError(NO_NAME)
        if not tagged.plausible(name):
            raise NotACallError
        if parse.tools.known and not parse.tools.offers(name) and parse.inline:
            raise NotACallError
        call = parse.start(name)
        yield from reader.space()
        if (yield from reader.at("{")):
            yield from json_calls.arguments(parse, call, stops(*self.closes))
            yield from json_calls.closers(reader)
        elif not (yield from reader.at(*self.closes)):
            yield from self._command(parse, call)
        call.end()

    def _command(self, parse: Parse, call: Call) -> Parsing[None]:
        reader = parse.reader
        parts: list[str] = []
        while True:
            found = yield from reader.until(stops(*self.closes), parts.append)
            if not found:
                raise TruncatedError
            after = yield from reader.peek()
            if not after or after in "\r\n<":
                break
            parts.append(found)
        text = "".join(parts).strip()
        key = self._key(parse, call.name)
        call.member(key)
        call.emit(encode_typed(text, parse.tools.types(call.name, key) or frozenset({"string"})))

    def _key(self, parse: Parse, name: str) -> str:
        """The parameter that takes the command: the usual one, or the only one that it can be."""
        keys = list(parse.tools.properties(name))
        if not keys or self._parameter in keys:
            return self._parameter
        needed = keys if len(keys) == 1 else sorted(parse.tools.missing(name, ()))
        if len(needed) != 1:
            raise MalformedError(NOT_TOLD)
        return needed[0]


NOT_TOLD = "The command does not say which argument it is."
CWM = Command(("</tool>", "</TOOL>", "</Tool>"), "command")
CWM_OPENS = ("<tool:", "<TOOL:", "<Tool:")
