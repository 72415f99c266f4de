"""A literal as a model writes it, turned into strict JSON text while it arrives.

What is JSON already passes through verbatim: bytes, key order, spacing and the spelling of numbers survive. What is
nearly JSON is put right where its meaning is certain: single quotes, bare keys, Python's literals, comments, trailing
commas, raw newlines in strings, quotes in strings that were not escaped, closers that are missing before the region's
own end, or that are one too many. The rest is `BrokenError`: a value is never guessed, and none is left out.

**State**: the stack of open brackets, and beside it what the tool's schema says of each. **Held back**: a word until
it is whole; white space and commas until it is known that a value follows; a string only where the schema wants
another type of it. Everything else is emitted as it comes. **What ends it**: the bracket that closes the first one;
or one of ``ends`` after a whole value, which closes what is open. **Cost**: each character is looked at once, save a
few behind a quote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from turnstream.parsing.text_calls import scalars, schema
from turnstream.parsing.text_calls.quoted import COMMENTS, JSON, PYTHON, Quoted, Style
from turnstream.parsing.text_calls.reader import NEVER, Parsing, Reader, Stops, stops
from turnstream.parsing.text_calls.strings import BrokenError, Emit, TruncatedError, escape_inside, json_space

__all__ = [
    "JSON",
    "NEVER",
    "PYTHON",
    "BrokenError",
    "Emit",
    "Style",
    "TruncatedError",
    "convert",
    "escape_inside",
    "ignore",
]

DEEPEST = 512


_WORD_END = re.compile(r"[\s,:{}\[\]()\"'=#<`]")
_BARE_END = re.compile(r"[,{}\[\]]")
_LINE_END = re.compile(r"\n")
_CLOSER = {"{": "}", "[": "]"}
_STRING_ONLY = ({"string"}, {"string", "null"})


def ignore(piece: str) -> None:
    """A sink for what is passed over."""


def value(
    reader: Reader,
    emit: Emit,
    style: Style = JSON,
    opened: str = "",
    *,
    ends: Stops = NEVER,
    declared: Mapping[str, Any] | None = None,
) -> Parsing[None]:
    """Read one value and emit it as JSON text. Raises `BrokenError` or `TruncatedError`.

    With ``opened`` the reader stands within an object that ends with that character, and its "{" was emitted.
    ``declared`` is the value's schema.
    """
    yield from _Value(reader, emit, style, ends, declared).read(opened)


def string(reader: Reader, style: Style = JSON, ends: Stops = NEVER) -> Parsing[str]:
    """Read one string, or a bare word, and return what it says. Raises `BrokenError` or `TruncatedError`."""
    parts: list[str] = []
    char = yield from next_char(reader)
    if char not in "\"'":
        word = yield from reader.run(_WORD_END)
        if not word or (style.bare and any(sign in word for sign in '"|<')):
            raise BrokenError
        return word
    yield from _Value(reader, parts.append, style, ends, None).string(char)
    text: str = json.loads("".join(parts), strict=False)
    return text


def skip(reader: Reader) -> Parsing[str]:
    """Consume white space and comments; the next character. Raises `TruncatedError`."""
    yield from gap(reader, JSON)
    return (yield from next_char(reader))


def convert(text: str, style: Style = JSON, declared: Mapping[str, Any] | None = None) -> str:
    """Whole text as JSON text. Raises ValueError if it is not a value, or not certainly one."""
    parts: list[str] = []
    reader = Reader()
    reader.feed(text.strip())
    reader.ended = True
    try:
        for _ in value(reader, parts.append, style, declared=declared):
            raise AssertionError("the text is whole")
    except (BrokenError, TruncatedError):
        raise ValueError("not a value") from None
    if reader.pos < len(reader.text):
        raise ValueError("more than a value")
    return "".join(parts)


def next_char(reader: Reader) -> Parsing[str]:
    while reader.pos >= len(reader.text):
        if reader.ended:
            raise TruncatedError
        yield
    return reader.text[reader.pos]


def gap(reader: Reader, style: Style) -> Parsing[str]:
    """Consume white space and comments; returns the white space if it is to be kept."""
    kept = ""
    while True:
        kept += yield from reader.space()
        start = yield from reader.at(*COMMENTS)
        if not start:
            return json_space(kept) if style.verbatim else ""
        reader.pos += len(start)
        if start == "/*":
            yield from reader.until(stops("*/"), ignore)
        else:
            yield from reader.run(_LINE_END)


class _Value(Quoted):
    """A value while it is read: the module's own words above say how."""

    __slots__ = ("_head", "_lists", "_nodes", "_root", "_types")

    def __init__(
        self, reader: Reader, emit: Emit, style: Style, ends: Stops, declared: Mapping[str, Any] | None
    ) -> None:
        super().__init__(reader, emit, style, ends)
        self._root = declared or None
        self._nodes: list[Any] = []  # the schema of each open bracket
        self._lists: list[bool] = []  # whether each is a list (a set of Python's is one)
        self._types = schema.ANY  # of the value that comes next
        self._head = ""  # the key that was read to tell an object from a set

    def read(self, opened: str) -> Parsing[None]:
        reader, emit, stack = self._reader, self._emit, self._stack
        node: Any = self._root
        if opened:
            self._push(opened, node)
            emit((yield from gap(reader, self._style)))
            if (yield from reader.take(opened)):
                emit("}")
                return
            node = yield from self._key()
        while True:
            emit((yield from gap(reader, self._style)))
            char = yield from next_char(reader)
            if char in "{[":
                node = yield from self._open(char, node)
                if node is not _CLOSED:
                    continue
            else:
                self._types = schema.types_of(node, self._root) if node is not None and self._root else schema.ANY
                if char in "\"'" or (self._style.quote and (yield from reader.at(self._style.quote))):
                    yield from self._read_typed_string(char)
                else:
                    yield from self._word()
            node = yield from self._goes_on()
            if not stack:
                return

    def _open(self, char: str, node: Any) -> Parsing[Any]:
        """A bracket: the schema of the first value in it; `_CLOSED` if the bracket is empty."""
        reader, stack = self._reader, self._stack
        reader.pos += 1
        if char == "{" and self._style.python and (yield from self._is_set(node)):
            return _CLOSED
        if not self._style.python or char == "[":
            self._emit(char)
            self._push(_CLOSER[char], node)
        if len(stack) > DEEPEST:
            raise BrokenError
        self._emit((yield from gap(reader, self._style)))
        after = yield from next_char(reader)
        if self._head and after != ":":
            raise BrokenError
        if after == stack[-1]:
            return _CLOSED
        if char == "{":
            return (yield from self._key())
        return self._items()

    def _is_set(self, node: Any) -> Parsing[bool]:
        """After Python's "{": whether a string without a colon follows, the first of a set. If not, "{" is emitted."""
        reader, emit = self._reader, self._emit
        space = yield from gap(reader, self._style)
        char = yield from next_char(reader)
        text = ""
        if char in "\"'":
            parts: list[str] = []
            self._emit = parts.append
            yield from self.string(char)
            self._emit = emit
            text = "".join(parts)
            yield from gap(reader, self._style)
            after = yield from next_char(reader)
            if after in ",}" and not self._style.verbatim:
                emit("[" + text)
                self._push("}", node, is_list=True)
                return True
            self._head = text
        emit("{" + space)
        self._push("}", node)
        return False

    def _push(self, closer: str, node: Any, *, is_list: bool | None = None) -> None:
        self._stack.append(closer)
        self._lists.append(closer == "]" if is_list is None else is_list)
        self._nodes.append(node)

    def _items(self) -> Any:
        node = self._nodes[-1]
        return schema.items_of(node, self._root) if node is not None and self._root else None

    def _goes_on(self) -> Parsing[Any]:
        """What follows a value: closers, then a comma (and a key, in an object) or the end."""
        reader, stack = self._reader, self._stack
        comma = "," if self._style.verbatim else ", "
        while stack:
            space = yield from gap(reader, self._style)
            if self._ends.literals and (yield from reader.at(*self._ends.literals)):
                self._close_all()
                return None
            char = yield from next_char(reader)
            if char == ",":
                reader.pos += 1
                more = yield from gap(reader, self._style)
                after = yield from next_char(reader)
                if after not in "}])":
                    self._emit(space + comma + more)
                    return self._items() if self._lists[-1] else (yield from self._key())
                space, char = space + more, after
            if char not in "}])":
                raise BrokenError
            reader.pos += 1
            if char in stack:
                while stack[-1] != char:
                    self._close()
                self._emit(space)
                self._close()
        return None

    def _close(self) -> None:
        self._stack.pop()
        self._nodes.pop()
        self._emit("]" if self._lists.pop() else "}")

    def _close_all(self) -> None:
        """The region's own end: nothing of the call is missing but brackets."""
        while self._stack:
            self._close()

    def _key(self) -> Parsing[Any]:
        """A key and its colon; the schema of its value."""
        reader, style = self._reader, self._style
        call = self._stack[-1] == ")"
        char = yield from next_char(reader)
        parts: list[str] = []
        if self._head:
            parts.append(self._head)
            self._head = ""
        elif char in "\"'" or (style.quote and (yield from reader.at(style.quote))):
            emit, self._emit = self._emit, parts.append
            yield from self.string(char)
            self._emit = emit
        else:
            word = yield from reader.run(_WORD_END)
            if not word or (call and not word.isidentifier()):
                raise BrokenError
            parts.append('"' + escape_inside(word) + '"')
        space = yield from gap(reader, style)
        if (yield from next_char(reader)) != ("=" if call else ":"):
            raise BrokenError
        reader.pos += 1
        key = "".join(parts)
        self._emit(key + space + (":" if style.verbatim else ": "))
        node = self._nodes[-1]
        if self._root is None or node is None:
            return None
        return schema.member(node, self._root, json.loads(key, strict=False))

    def _word(self) -> Parsing[None]:
        reader, style, types = self._reader, self._style, self._types
        if style.bare:
            word = (yield from self._bare_word()).strip()
        else:
            word = yield from reader.run(_WORD_END)
        if reader.ended and reader.pos >= len(reader.text) and self._stack:
            raise TruncatedError
        if not word or (style.bare and any(sign in word for sign in '"|<')):
            raise BrokenError
        if style.bare and types:
            found = scalars.scalar(word, types)
            self._emit(found if found is not None else '"' + escape_inside(word) + '"')
        elif word in scalars.WORDS:
            self._emit(scalars.WORDS[word])
        elif types in _STRING_ONLY and style.python and scalars.number(word):
            self._emit(f'"{word}"')
        elif scalars.NUMBER.fullmatch(word):
            self._emit(word)
        elif style.python and (yield from self._read_prefixed(word)):
            pass
        elif word and (found := self._loose_number(word)) is not None:
            self._emit(found)
        elif style.bare and word:
            self._emit('"' + escape_inside(word) + '"')
        else:
            raise BrokenError

    def _bare_word(self) -> Parsing[str]:
        if not self._ends.literals:
            return (yield from self._reader.run(_BARE_END))
        parts: list[str] = []
        yield from self._reader.before(stops(*self._ends.literals, *",{}[]"), parts.append)
        return "".join(parts)

    def _loose_number(self, word: str) -> str | None:
        """A number that JSON spells otherwise. Zeros in front are lost only where an integer is declared."""
        types = self._types
        if scalars.leads_with_zero(word) and not types & {"integer", "number"}:
            if types in _STRING_ONLY:
                return f'"{escape_inside(word)}"'
            if not self._style.python and not self._style.bare:
                return None
        return scalars.number(word)

    def _read_prefixed(self, prefix: str) -> Parsing[bool]:
        """A string with one of Python's prefixes; JSON has no bytes, and a placeholder has no value here."""
        quote = yield from self._reader.at('"', "'")
        kind = prefix.lower()
        if not quote or kind not in ("r", "u", "f", "rf", "fr"):
            return False
        if "f" not in kind:
            yield from self.string(quote, raw=kind == "r")
            return True
        parts: list[str] = []
        emit, self._emit = self._emit, parts.append
        yield from self.string(quote, raw="r" in kind)
        self._emit = emit
        text = "".join(parts)
        if "{" in text or "}" in text:
            raise BrokenError
        emit(text)
        return True

    def _read_typed_string(self, quote: str) -> Parsing[None]:
        """A quoted value: in families that quote everything, the schema decides what it is."""
        types = self._types
        if not self._style.bare or not types or "string" in types:
            yield from self.string(quote)
            return
        parts: list[str] = []
        emit, self._emit = self._emit, parts.append
        yield from self.string(quote)
        self._emit = emit
        text = "".join(parts)
        emit(scalars.scalar(json.loads(text, strict=False), types) or text)


_CLOSED = object()
