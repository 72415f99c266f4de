"""A literal as a model writes it, turned into strict JSON text while it arrives.

What is JSON already passes through verbatim: bytes, key order, spacing and the spelling of numbers survive. What is
nearly JSON is put right where its meaning is certain: single quotes, bare keys, Python's literals, comments, trailing
commas, raw newlines in strings. The rest is `Broken`.
"""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import TypeAlias

from turnstream.parsing.text_calls.reader import Parsing, Reader, stops

Emit: TypeAlias = Callable[[str], object]

DEEPEST = 512


class BrokenError(Exception):
    """What stands here is not a value, or not certainly one."""


class TruncatedError(Exception):
    """The stream ended within a value."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a family writes values.

    ``verbatim`` keeps the spacing (else it is that of `json.dumps`), ``quote`` is a long quotation mark in which
    nothing is escaped, ``python`` reads escapes and prefixes of strings as Python does, ``bare`` takes an unquoted
    word for a string.
    """

    verbatim: bool = True
    quote: str = ""
    python: bool = False
    bare: bool = False


JSON = Style()
PYTHON = Style(verbatim=False, python=True)

_WORD = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null"}
_WORD_END = re.compile(r"[\s,:{}\[\]()\"'=#]")
_BARE_END = re.compile(r"[,{}\[\]]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_PYTHON_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9]+)?)\Z"
)
_LINE_END = re.compile(r"\n")
_STRING_STOP = {'"': re.compile(r'["\\\x00-\x1f]').search, "'": re.compile(r"""["'\\\x00-\x1f]""").search}
_SIMPLE = {"n": "\\n", "t": "\\t", "r": "\\r", "b": "\\b", "f": "\\f", "\\": "\\\\", '"': '\\"', "/": "\\/"}
_CLOSER = {"{": "}", "[": "]"}


def escaped(text: str) -> str:
    """The text as it stands between the quotes of a JSON string."""
    return encode_basestring(text)[1:-1]


def value(reader: Reader, emit: Emit, style: Style = JSON, opened: str = "") -> Parsing[None]:
    """Read one value and emit it as JSON text. Raises `Broken` or `Truncated`.

    With ``opened`` the reader stands within an object that ends with that character, and its "{" was emitted.
    """
    stack = [opened] if opened else []
    if opened:
        yield from _gap(reader, emit, style)
        if (yield from reader.take(opened)):
            emit("}")
            return
        yield from _key(reader, emit, style, opened)
    while True:
        yield from _gap(reader, emit, style)
        char = yield from _char(reader)
        if char in "{[":
            reader.pos += 1
            emit(char)
            stack.append(_CLOSER[char])
            if len(stack) > DEEPEST:
                raise BrokenError
            yield from _gap(reader, emit, style)
            if (yield from _char(reader)) != stack[-1]:
                if char == "{":
                    yield from _key(reader, emit, style, "}")
                continue
        elif char in "\"'" or (style.quote and (yield from reader.at(style.quote))):
            yield from _string(reader, emit, style, char)
        else:
            yield from _word(reader, emit, style, stack)
        yield from _goes_on(reader, emit, style, stack)
        if not stack:
            return


def _goes_on(reader: Reader, emit: Emit, style: Style, stack: list[str]) -> Parsing[None]:
    """What follows a value: closers, then a comma (and a key, in an object) or the end."""
    comma = "," if style.verbatim else ", "
    while stack:
        space = yield from _skip(reader, style)
        char = yield from _char(reader)
        if char == ",":
            reader.pos += 1
            more = yield from _skip(reader, style)
            after = yield from _char(reader)
            if after != stack[-1]:
                emit(space + comma + more)
                if stack[-1] != "]":
                    yield from _key(reader, emit, style, stack[-1])
                return
            space, char = space + more, after
        if char != stack[-1]:
            raise BrokenError
        reader.pos += 1
        stack.pop()
        emit(space + ("]" if char == "]" else "}"))


def string(reader: Reader, style: Style = JSON) -> Parsing[str]:
    """Read one string, or a bare word, and return what it says. Raises `Broken` or `Truncated`."""
    parts: list[str] = []
    char = yield from _char(reader)
    if char not in "\"'":
        word = yield from reader.run(_WORD_END)
        if not word:
            raise BrokenError
        return word
    yield from _string(reader, parts.append, style, char)
    text: str = json.loads("".join(parts), strict=False)
    return text


def skip(reader: Reader) -> Parsing[str]:
    """Consume white space and comments; the next character. Raises `Truncated`."""
    yield from _skip(reader, JSON)
    return (yield from _char(reader))


def _char(reader: Reader) -> Parsing[str]:
    while reader.pos >= len(reader.text):
        if reader.ended:
            raise TruncatedError
        yield
    return reader.text[reader.pos]


def _gap(reader: Reader, emit: Emit, style: Style) -> Parsing[None]:
    emit((yield from _skip(reader, style)))


def _skip(reader: Reader, style: Style) -> Parsing[str]:
    """Consume white space and comments; returns the white space if it is to be kept."""
    kept = ""
    while True:
        kept += yield from reader.space()
        start = yield from reader.at("#", "//", "/*")
        if not start:
            return kept if style.verbatim else ""
        reader.pos += len(start)
        if start == "/*":
            yield from reader.until(stops("*/"), lambda piece: None)
        else:
            yield from reader.run(_LINE_END)


def _key(reader: Reader, emit: Emit, style: Style, closer: str) -> Parsing[None]:
    char = yield from _char(reader)
    if char in "\"'" or (style.quote and (yield from reader.at(style.quote))):
        yield from _string(reader, emit, style, char)
    else:
        word = yield from reader.run(_WORD_END)
        if not word or (closer == ")" and not word.isidentifier()):
            raise BrokenError
        emit('"' + escaped(word) + '"')
    space = yield from _skip(reader, style)
    char = yield from _char(reader)
    if char != ("=" if closer == ")" else ":"):
        raise BrokenError
    reader.pos += 1
    emit(space + (":" if style.verbatim else ": "))


def _word(reader: Reader, emit: Emit, style: Style, stack: list[str]) -> Parsing[None]:
    if style.bare:
        word = (yield from reader.run(_BARE_END)).rstrip()
    else:
        word = yield from reader.run(_WORD_END)
    if reader.ended and reader.pos >= len(reader.text):
        raise TruncatedError
    if word in _WORD:
        emit(_WORD[word])
    elif _NUMBER.match(word):
        emit(word)
    elif style.python and (yield from _prefixed(reader, emit, style, word)):
        pass
    elif word and word[-1].isalnum() and _PYTHON_NUMBER.match(word):
        emit(_number(word))
    elif style.bare:
        emit('"' + escaped(word) + '"')
    else:
        raise BrokenError


def _number(word: str) -> str:
    try:
        return json.dumps(ast.literal_eval(word.lstrip("+").lstrip("0") or "0") if word[:1] != "." else float(word))
    except (ValueError, SyntaxError):
        raise BrokenError from None


def _prefixed(reader: Reader, emit: Emit, style: Style, prefix: str) -> Parsing[bool]:
    """A string with one of Python's prefixes."""
    quote = yield from reader.at('"', "'")
    if not quote or prefix.lower() not in ("r", "u", "b", "f"):
        return False
    yield from _string(reader, emit, style, quote, raw=prefix.lower() == "r")
    return True


# ----------------------------------------------------------------------------------------------------------- strings


def _string(reader: Reader, emit: Emit, style: Style, quote: str, *, raw: bool = False) -> Parsing[None]:
    emit('"')
    inside = False
    while True:
        if inside:
            yield from _short_string(reader, emit, style, quote, raw)
        elif style.quote and (yield from reader.take(style.quote)):
            if not (yield from reader.until(stops(style.quote), lambda piece: emit(escaped(piece)))):
                raise TruncatedError
        elif style.python and (long := (yield from reader.take('"""', "'''"))):
            yield from _long_string(reader, emit, style, long)
        elif style.quote and quote == "'":
            reader.pos += 1
            if not (yield from reader.until(stops(quote), lambda piece: emit(escaped(piece)))):
                raise TruncatedError
        else:
            reader.pos += 1
            yield from _short_string(reader, emit, style, quote, raw)
        if style.quote and quote in "\"'":
            yield from reader.take(style.quote)
        # A quote that nothing of the syntax follows was perhaps none.
        space = yield from reader.space()
        after = yield from reader.peek()
        if not after or after in ",:}])=" or (yield from reader.at("#", "//", "/*")):
            break
        if style.quote or raw or (after in "\"'" and not style.python):
            raise BrokenError
        if after in "\"'" and space:
            inside, quote = False, after  # adjacent strings are one in Python
            continue
        emit(escaped(quote + space))  # a quote within the string, not escaped
        inside = True
    emit('"' + space if style.verbatim else '"')


def _short_string(reader: Reader, emit: Emit, style: Style, quote: str, raw: bool) -> Parsing[None]:
    search = _STRING_STOP[quote]
    while True:
        found = search(reader.text, reader.pos)
        end = found.start() if found else len(reader.text)
        if end > reader.pos:
            emit(reader.text[reader.pos : end])
            reader.pos = end
        if found is None:
            if reader.ended:
                raise TruncatedError
            yield
            continue
        char = found[0]
        if char == "\\" and not raw:
            yield from _escape(reader, emit, style)
            continue
        reader.pos += 1
        if char == quote:
            return
        emit(escaped(char))


def _long_string(reader: Reader, emit: Emit, style: Style, quote: str) -> Parsing[None]:
    marks = stops(quote, "\\")
    while True:
        found = yield from reader.until(marks, lambda piece: emit(escaped(piece)))
        if not found:
            raise TruncatedError
        if found == quote:
            return
        reader.pos -= 1
        yield from _escape(reader, emit, style)


def _escape(reader: Reader, emit: Emit, style: Style) -> Parsing[None]:
    pair = yield from reader.peek(2)
    if len(pair) < 2:
        raise TruncatedError
    char = pair[1]
    reader.pos += 2
    if char in _SIMPLE and not (char == "/" and style.python):
        emit(_SIMPLE[char])
    elif char == "'":
        emit("'")
    elif char == "u":
        digits = yield from reader.peek(4)
        if len(digits) == 4 and _is_hex(digits):
            reader.pos += 4
            emit("\\u" + digits)
        else:
            emit("\\\\u")
    elif style.python:
        yield from _python_escape(reader, emit, char)
    else:
        emit("\\\\" + escaped(char))


def _python_escape(reader: Reader, emit: Emit, char: str) -> Parsing[None]:
    if char == "\n":
        return
    if char in "av":
        emit("\\u0007" if char == "a" else "\\u000b")
    elif char in "xU":
        size = 2 if char == "x" else 8
        digits = yield from reader.peek(size)
        if len(digits) == size and _is_hex(digits) and int(digits, 16) < 0x110000:
            reader.pos += size
            emit(escaped(chr(int(digits, 16))))
        else:
            emit("\\\\" + char)
    elif char in "01234567":
        digits = char
        while len(digits) < 3 and (more := (yield from reader.peek())) and more in "01234567":
            digits += more
            reader.pos += 1
        emit(escaped(chr(int(digits, 8))))
    elif char == "N" and (yield from reader.take("{")):
        name, _ = yield from reader.collect("}")
        try:
            emit(escaped(unicodedata.lookup(name)))
        except KeyError:
            emit("\\\\N{" + escaped(name) + "}")
    else:
        emit("\\\\" + escaped(char))


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in digits)
