"""Regular expressions for texts that come in pieces.

A piece may end in what could still become a match, and only that is held back. So for each expression E another one is
made that matches whatever is the beginning of a match of E, its prefixes. By structure, with p(E) for those not empty:

    p(a) = a    p(AB) = p(A) | A p(B)    p(A|B) = p(A) | p(B)    p(A{m,n}) = A{0,n-1} p(A)

and nothing for what has no width (``\\b``, ``^``). ``E|p(E)\\z``, where of all matches the leftmost and then the
longest counts, then says in one search where a match is that no further text can change, or from where on to wait.

The expressions are users', so RE2 runs them: its time is linear in the text and its memory is bounded, whatever they
are. What of its syntax is read here is structure alone: atoms are copied as they stand.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from turnstream import errors

MOST_CHARACTERS = 20_000
_MOST_DEPTH = 50

_FLAGS = re.compile(r"\(\?[imsU]+\)")
_GROUP = re.compile(r"\(\?(?:P?<\w+>|([imsU]*(?:-[imsU]+)?):)|\((?!\?)")
_REPEAT = re.compile(r"([*+?]|\{(\d+)(,(\d*))?\})\??")
_NO_WIDTH = re.compile(r"\^|\$|\\[AbBz]")
_ATOM = re.compile(
    r"\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[0-9A-Fa-f]+\}|[0-9A-Fa-f]{2})|[0-7]{1,3}|[^QECpPx0-9])"
    r"|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]"
    r"|[^()|*+?\\\[]",
    re.DOTALL,
)


class Pair(Struct, frozen=True):
    """An expression and its prefixes, None if it has no width; ``empty`` says that it matches the empty text."""

    whole: str
    prefixes: str | None
    empty: bool


_NOTHING = Pair("", None, True)


class Expression:
    """``search`` finds matches in a text that is whole, ``search_open`` in one that goes on."""

    def __init__(self, pattern: str) -> None:
        """Raises `ConfigurationError` for what RE2 does not know, and for an expression that matches the empty
        text."""
        flags, pair = parse(pattern)
        if pair.empty or pair.prefixes is None:
            raise errors.ConfigurationError("the expression matches the empty text, so it would match everywhere")
        self.search = _compile(f"{flags}(?:{pair.whole})").search
        self.search_open = _compile(f"{flags}(?:{pair.whole})|(?:{pair.prefixes})\\z").search


def _compile(pattern: str) -> Any:
    try:
        import re2
    except ImportError:
        message = "patterns and words need google-re2: pip install 'turnstream[guardrails]'"
        raise errors.ConfigurationError(message) from None
    options = re2.Options()
    options.longest_match = True
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        why = error.args[0] if error.args else error
        text = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise errors.ConfigurationError(f"not an expression that RE2 can run: {text}") from None


def parse(pattern: str) -> tuple[str, Pair]:
    """The flags that the expression begins with, and the rest. Raises `ConfigurationError`."""
    if len(pattern) > MOST_CHARACTERS:
        raise errors.ConfigurationError(f"an expression may have {MOST_CHARACTERS} characters")
    flags = _FLAGS.match(pattern)
    start = flags.end() if flags else 0
    parser = _Parser(pattern, start)
    pair = parser.read_alternatives(0)
    if parser.at < len(pattern):
        raise errors.ConfigurationError(f"unexpected ')' at position {parser.at + 1} of the expression")
    return pattern[:start], pair


class _Parser:
    def __init__(self, pattern: str, at: int) -> None:
        self._pattern = pattern
        self.at = at

    def read_alternatives(self, depth: int) -> Pair:
        if depth > _MOST_DEPTH:
            raise errors.ConfigurationError(f"groups may be nested {_MOST_DEPTH} deep")
        pairs = [self._read_sequence(depth)]
        while self._pattern.startswith("|", self.at):
            self.at += 1
            pairs.append(self._read_sequence(depth))
        if len(pairs) == 1:
            return pairs[0]
        prefixes = [pair.prefixes for pair in pairs if pair.prefixes is not None]
        whole = f"(?:{'|'.join(pair.whole for pair in pairs)})"
        return Pair(whole, f"(?:{'|'.join(prefixes)})" if prefixes else None, any(pair.empty for pair in pairs))

    def _read_sequence(self, depth: int) -> Pair:
        items: list[Pair] = []
        while self.at < len(self._pattern) and self._pattern[self.at] not in "|)":
            items.append(self._read_repeated(self._read_item(depth)))
        sequence = _NOTHING
        for item in reversed(items):
            sequence = _follow(item, sequence)
        return sequence

    def _read_item(self, depth: int) -> Pair:
        if group := _GROUP.match(self._pattern, self.at):
            return self._read_group(group, depth)
        if no_width := _NO_WIDTH.match(self._pattern, self.at):
            self.at = no_width.end()
            return Pair(no_width[0], None, True)
        if atom := _ATOM.match(self._pattern, self.at):
            self.at = atom.end()
            return Pair(atom[0], atom[0], False)
        what = self._pattern[self.at : self.at + 10]
        raise errors.ConfigurationError(f"unsupported {what!r} at position {self.at + 1} of the expression")

    def _read_group(self, group: re.Match[str], depth: int) -> Pair:
        begin, self.at = self.at, group.end()
        inner = self.read_alternatives(depth + 1)
        if not self._pattern.startswith(")", self.at):
            raise errors.ConfigurationError(f"the group at position {begin + 1} of the expression is not closed")
        self.at += 1
        opening = f"(?{group[1] or ''}:"
        prefixes = None if inner.prefixes is None else f"{opening}{inner.prefixes})"
        return Pair(f"{opening}{inner.whole})", prefixes, inner.empty)

    def _read_repeated(self, item: Pair) -> Pair:
        repeat = _REPEAT.match(self._pattern, self.at)
        if repeat is None:
            return item
        self.at = repeat.end()
        least, most = _count(repeat)
        if most == 0:
            return _NOTHING
        empty = item.empty or least == 0
        whole = f"{item.whole}{repeat[1]}"
        if item.prefixes is None or most == 1:
            return Pair(whole, item.prefixes, empty)
        before = "*" if most is None else f"{{0,{most - 1}}}"
        return Pair(whole, f"(?:{item.whole}{before}{item.prefixes})", empty)


def _count(repeat: re.Match[str]) -> tuple[int, int | None]:
    match repeat[1]:
        case "*":
            return 0, None
        case "+":
            return 1, None
        case "?":
            return 0, 1
        case _:
            least = int(repeat[2])
            return least, least if repeat[3] is None else int(repeat[4]) if repeat[4] else None


def _follow(item: Pair, rest: Pair) -> Pair:
    empty = item.empty and rest.empty
    whole = item.whole + rest.whole
    if rest.prefixes is None:
        return Pair(whole, item.prefixes, empty)
    later = item.whole + rest.prefixes
    return Pair(whole, later if item.prefixes is None else f"(?:{item.prefixes}|{later})", empty)
