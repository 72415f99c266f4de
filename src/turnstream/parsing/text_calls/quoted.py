"""A string as a model quotes it, and where it ends.

**State**: whether a quote of the string did not close it. **Held back**: a quote, until it is known what follows
it: one that nothing of the syntax follows is part of the string. **What ends it**: a quote that a comma, a colon, a
bracket or the region's end follows. Behind an end of the call a quote that closes nothing says that the string was
not closed: the call is broken. **Cost**: each character once, save a few behind a quote, and what stands behind an
end of the call in a family's own quotation marks, which is read twice if they were not closed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from turnstream.parsing.text_calls import strings
from turnstream.parsing.text_calls.reader import Parsing, Reader, Stops, stops
from turnstream.parsing.text_calls.strings import BrokenError, Emit, TruncatedError, escape_inside, json_space

COMMENTS = ("#", "//", "/*")
# What goes on after a quote, if the quote closed the string and others before it did not.
_AFTER_QUOTE = re.compile(r"\s*(?:,\s*(?:[A-Za-z_]\w*\s*=|\*\*|[)\]}])|[)\]}]+\s*(?:[,;<\n\]\[]|[A-Za-z_]|\Z)|\Z)")
_OPERATOR = re.compile(r"(?:if|else|and|or|in|not|is|for)\b|[.\[(]")
_NOT_CLOSERS = re.compile(r"[^)\]} \t\n]")
_INNER = re.compile(r"\s*[)\]}]+\s*[\"']")
_PIECE = re.compile(r"""\|"|"\||<\||\|>|</?escape|escape>""")
_NOT_CLOSING = re.compile(r"[^}\]\s]")


@dataclass(frozen=True, slots=True)
class Style:
    """How a family writes values.

    ``verbatim`` keeps the spacing (else it is that of `json.dumps`), ``quote`` is a long quotation mark in which
    nothing is escaped, ``python`` reads escapes and prefixes of strings as Python does, ``bare`` takes an unquoted
    word for a string. ``again`` is what begins the next call.
    """

    verbatim: bool = True
    quote: str = ""
    again: tuple[str, ...] = ()
    python: bool = False
    bare: bool = False


JSON = Style()
PYTHON = Style(verbatim=False, python=True)


class Quoted:
    """Reads strings for a value that is being read."""

    __slots__ = ("_emit", "_ends", "_reader", "_stack", "_style")

    def __init__(self, reader: Reader, emit: Emit, style: Style, ends: Stops) -> None:
        self._reader, self._emit, self._style, self._ends = reader, emit, style, ends
        self._stack: list[str] = []  # the closer of each open bracket

    def string(self, quote: str, *, raw: bool = False) -> Parsing[None]:
        """A string and its quotes. A quote that nothing of the syntax follows is perhaps part of it."""
        reader, style, emit = self._reader, self._style, self._emit
        emit('"')
        inside = False
        plain = not style.python and not style.quote
        over = strings.Over(reader, quote, self._ends) if self._ends.literals and plain else None
        while True:
            yield from self._body(quote, raw=raw, inside=inside, over=over)
            doubled = (yield from reader.take(style.quote)) if style.quote and quote in "\"'" else ""
            space = yield from reader.space()
            after = yield from reader.peek()
            if (yield from self._is_over(after, inside)):
                break
            if (style.quote and quote != '"') or raw or (after in "\"'" and not style.python) or after in "+*%":
                raise BrokenError
            if style.python and _OPERATOR.match((yield from reader.peek(8))):
                raise BrokenError
            if after in "\"'" and space and not inside:
                quote = after  # adjacent strings are one in Python
                continue
            if over is not None:
                over.check(quote + space, reader.offset - len(quote + space))
            emit(escape_inside(quote + doubled + space))
            inside = True
        emit('"' + json_space(space) if style.verbatim else '"')

    def _is_over(self, after: str, inside: bool) -> Parsing[bool]:
        """Whether the quote at hand closed its string. ``inside``: others before it did not."""
        reader = self._reader
        if not after or (self._ends.literals and (yield from reader.at(*self._ends.literals))):
            return True
        if self._style.python and after in ")]}" and (yield from self._is_inner()):
            return False
        if inside and self._stack[-1:] == [")"]:
            return _AFTER_QUOTE.match((yield from reader.peek(64))) is not None
        return after in ",:}])=" or bool((yield from reader.at(*COMMENTS)))

    def _is_inner(self) -> Parsing[bool]:
        """Whether brackets and then another quote follow, which no call has."""
        ahead = yield from self._reader.ahead(_NOT_CLOSERS)
        return _INNER.fullmatch(ahead) is not None

    def _body(self, quote: str, *, raw: bool, inside: bool, over: strings.Over | None) -> Parsing[None]:
        reader, style, emit = self._reader, self._style, self._emit
        if not inside:
            if style.quote and (yield from reader.take(style.quote)):
                yield from self._read_quoted()
                return
            if style.python and (triple := (yield from reader.take('"""', "'''"))):
                yield from strings.long(reader, emit, triple, raw=raw)
                return
            reader.pos += 1
            if style.quote and quote == "'":
                if not (yield from reader.until(stops(quote), lambda piece: emit(escape_inside(piece)))):
                    raise TruncatedError
                return
        ends = stops(*self._ends.literals, style.quote) if style.quote else self._ends
        yield from strings.short(reader, emit, quote, raw=raw, python=style.python, ends=ends, over=over)

    def _read_quoted(self) -> Parsing[None]:
        """Between a family's own quotation marks. One that was not closed before the call's end is closed there.

        An end of the call within the string is the string's own if the string is closed before another call begins.
        """
        reader, emit, mark, ends = self._reader, self._emit, self._style.quote, self._ends.literals
        marks = stops(mark, *ends, "}") if ends else stops(mark)
        said: list[str] = []

        def sink(piece: str) -> None:
            said.append(piece)
            emit(escape_inside(piece))

        while True:
            held = found = yield from reader.until(marks, sink)
            if not found:
                raise TruncatedError
            if found == "}":
                held += yield from reader.run(_NOT_CLOSING)
                found = yield from reader.take(*ends, mark)
                if found not in ends:
                    sink(held)
            if found == mark:
                return
            if found not in ends:
                continue
            at = reader.offset - len(found)
            parts = [held] if held == found else [held, found]
            if (yield from reader.until(stops(mark, *self._style.again), parts.append)) != mark:
                if _PIECE.search("".join(said)):
                    raise BrokenError  # a damaged quotation mark stands in it
                reader.rewind(at)
                return
            emit(escape_inside("".join(parts)))
            return
