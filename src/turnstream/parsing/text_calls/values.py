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

from turnstream.parsing.text_calls.reader import Reader, Steps, stops

Emit: TypeAlias = Callable[[str], object]

DEEPEST = 512


class Broken(Exception):
    """What stands here is not a value, or not certainly one."""


class Truncated(Exception):
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


def value(r: Reader, emit: Emit, style: Style = JSON, opened: str = "") -> Steps[None]:
    """Read one value and emit it as JSON text. Raises `Broken` or `Truncated`.

    With ``opened`` the reader stands within an object that ends with that character, and its "{" was emitted.
    """
    stack = [opened] if opened else []
    if opened:
        yield from _gap(r, emit, style)
        if (yield from r.take(opened)):
            emit("}")
            return
        yield from _key(r, emit, style, opened)
    while True:
        yield from _gap(r, emit, style)
        char = yield from _char(r)
        if char in "{[":
            r.pos += 1
            emit(char)
            stack.append(_CLOSER[char])
            if len(stack) > DEEPEST:
                raise Broken
            yield from _gap(r, emit, style)
            if (yield from _char(r)) != stack[-1]:
                if char == "{":
                    yield from _key(r, emit, style, "}")
                continue
        elif char in "\"'" or (style.quote and (yield from r.at(style.quote))):
            yield from _string(r, emit, style, char)
        else:
            yield from _word(r, emit, style, stack)
        yield from _goes_on(r, emit, style, stack)
        if not stack:
            return


def _goes_on(r: Reader, emit: Emit, style: Style, stack: list[str]) -> Steps[None]:
    """What follows a value: closers, then a comma (and a key, in an object) or the end."""
    comma = "," if style.verbatim else ", "
    while stack:
        space = yield from _skip(r, style)
        char = yield from _char(r)
        if char == ",":
            r.pos += 1
            more = yield from _skip(r, style)
            after = yield from _char(r)
            if after != stack[-1]:
                emit(space + comma + more)
                if stack[-1] != "]":
                    yield from _key(r, emit, style, stack[-1])
                return
            space, char = space + more, after
        if char != stack[-1]:
            raise Broken
        r.pos += 1
        stack.pop()
        emit(space + ("]" if char == "]" else "}"))


def string(r: Reader, style: Style = JSON) -> Steps[str]:
    """Read one string, or a bare word, and return what it says. Raises `Broken` or `Truncated`."""
    parts: list[str] = []
    char = yield from _char(r)
    if char not in "\"'":
        word = yield from r.run(_WORD_END)
        if not word:
            raise Broken
        return word
    yield from _string(r, parts.append, style, char)
    text: str = json.loads("".join(parts), strict=False)
    return text


def skip(r: Reader) -> Steps[str]:
    """Consume white space and comments; the next character. Raises `Truncated`."""
    yield from _skip(r, JSON)
    return (yield from _char(r))


def _char(r: Reader) -> Steps[str]:
    while r.pos >= len(r.text):
        if r.ended:
            raise Truncated
        yield
    return r.text[r.pos]


def _gap(r: Reader, emit: Emit, style: Style) -> Steps[None]:
    emit((yield from _skip(r, style)))


def _skip(r: Reader, style: Style) -> Steps[str]:
    """Consume white space and comments; returns the white space if it is to be kept."""
    kept = ""
    while True:
        kept += yield from r.space()
        start = yield from r.at("#", "//", "/*")
        if not start:
            return kept if style.verbatim else ""
        r.pos += len(start)
        if start == "/*":
            yield from r.until(stops("*/"), lambda piece: None)
        else:
            yield from r.run(_LINE_END)


def _key(r: Reader, emit: Emit, style: Style, closer: str) -> Steps[None]:
    char = yield from _char(r)
    if char in "\"'" or (style.quote and (yield from r.at(style.quote))):
        yield from _string(r, emit, style, char)
    else:
        word = yield from r.run(_WORD_END)
        if not word or (closer == ")" and not word.isidentifier()):
            raise Broken
        emit('"' + escaped(word) + '"')
    space = yield from _skip(r, style)
    char = yield from _char(r)
    if char != ("=" if closer == ")" else ":"):
        raise Broken
    r.pos += 1
    emit(space + (":" if style.verbatim else ": "))


def _word(r: Reader, emit: Emit, style: Style, stack: list[str]) -> Steps[None]:
    if style.bare:
        word = (yield from r.run(_BARE_END)).rstrip()
    else:
        word = yield from r.run(_WORD_END)
    if r.ended and r.pos >= len(r.text):
        raise Truncated
    if word in _WORD:
        emit(_WORD[word])
    elif _NUMBER.match(word):
        emit(word)
    elif style.python and (yield from _prefixed(r, emit, style, word)):
        pass
    elif word and word[-1].isalnum() and _PYTHON_NUMBER.match(word):
        emit(_number(word))
    elif style.bare:
        emit('"' + escaped(word) + '"')
    else:
        raise Broken


def _number(word: str) -> str:
    try:
        return json.dumps(ast.literal_eval(word.lstrip("+").lstrip("0") or "0") if word[:1] != "." else float(word))
    except (ValueError, SyntaxError):
        raise Broken from None


def _prefixed(r: Reader, emit: Emit, style: Style, prefix: str) -> Steps[bool]:
    """A string with one of Python's prefixes."""
    quote = yield from r.at('"', "'")
    if not quote or prefix.lower() not in ("r", "u", "b", "f"):
        return False
    yield from _string(r, emit, style, quote, raw=prefix.lower() == "r")
    return True


# ----------------------------------------------------------------------------------------------------------- strings


def _string(r: Reader, emit: Emit, style: Style, quote: str, *, raw: bool = False) -> Steps[None]:
    emit('"')
    inside = False
    while True:
        if inside:
            yield from _short_string(r, emit, style, quote, raw)
        elif style.quote and (yield from r.take(style.quote)):
            if not (yield from r.until(stops(style.quote), lambda piece: emit(escaped(piece)))):
                raise Truncated
        elif style.python and (long := (yield from r.take('"""', "'''"))):
            yield from _long_string(r, emit, style, long)
        elif style.quote and quote == "'":
            r.pos += 1
            if not (yield from r.until(stops(quote), lambda piece: emit(escaped(piece)))):
                raise Truncated
        else:
            r.pos += 1
            yield from _short_string(r, emit, style, quote, raw)
        if style.quote and quote in "\"'":
            yield from r.take(style.quote)
        # A quote that nothing of the syntax follows was perhaps none.
        space = yield from r.space()
        after = yield from r.peek()
        if not after or after in ",:}])=" or (yield from r.at("#", "//", "/*")):
            break
        if style.quote or raw or (after in "\"'" and not style.python):
            raise Broken
        if after in "\"'" and space:
            inside, quote = False, after  # adjacent strings are one in Python
            continue
        emit(escaped(quote + space))  # a quote within the string, not escaped
        inside = True
    emit('"' + space if style.verbatim else '"')


def _short_string(r: Reader, emit: Emit, style: Style, quote: str, raw: bool) -> Steps[None]:
    search = _STRING_STOP[quote]
    while True:
        found = search(r.text, r.pos)
        end = found.start() if found else len(r.text)
        if end > r.pos:
            emit(r.text[r.pos : end])
            r.pos = end
        if found is None:
            if r.ended:
                raise Truncated
            yield
            continue
        char = found[0]
        if char == "\\" and not raw:
            yield from _escape(r, emit, style)
            continue
        r.pos += 1
        if char == quote:
            return
        emit(escaped(char))


def _long_string(r: Reader, emit: Emit, style: Style, quote: str) -> Steps[None]:
    marks = stops(quote, "\\")
    while True:
        found = yield from r.until(marks, lambda piece: emit(escaped(piece)))
        if not found:
            raise Truncated
        if found == quote:
            return
        r.pos -= 1
        yield from _escape(r, emit, style)


def _escape(r: Reader, emit: Emit, style: Style) -> Steps[None]:
    pair = yield from r.peek(2)
    if len(pair) < 2:
        raise Truncated
    char = pair[1]
    r.pos += 2
    if char in _SIMPLE and not (char == "/" and style.python):
        emit(_SIMPLE[char])
    elif char == "'":
        emit("'")
    elif char == "u":
        digits = yield from r.peek(4)
        if len(digits) == 4 and _is_hex(digits):
            r.pos += 4
            emit("\\u" + digits)
        else:
            emit("\\\\u")
    elif style.python:
        yield from _python_escape(r, emit, char)
    else:
        emit("\\\\" + escaped(char))


def _python_escape(r: Reader, emit: Emit, char: str) -> Steps[None]:
    if char == "\n":
        return
    if char in "av":
        emit("\\u0007" if char == "a" else "\\u000b")
    elif char in "xU":
        size = 2 if char == "x" else 8
        digits = yield from r.peek(size)
        if len(digits) == size and _is_hex(digits) and int(digits, 16) < 0x110000:
            r.pos += size
            emit(escaped(chr(int(digits, 16))))
        else:
            emit("\\\\" + char)
    elif char in "01234567":
        digits = char
        while len(digits) < 3 and (more := (yield from r.peek())) and more in "01234567":
            digits += more
            r.pos += 1
        emit(escaped(chr(int(digits, 8))))
    elif char == "N" and (yield from r.take("{")):
        name, _ = yield from r.collect("}")
        try:
            emit(escaped(unicodedata.lookup(name)))
        except KeyError:
            emit("\\\\N{" + escaped(name) + "}")
    else:
        emit("\\\\" + escaped(char))


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in digits)
