"""In which order the text of a page is read: as its program wrote it, or by its places.

A PDF has places and no paragraphs. Most programs write a page in the order in which it is read, and that order is kept.
Three kinds of pages are written otherwise: letter by letter (each then comes as a line or as a word), tables column by
column, and two columns of text line by line across both. They are known by their lines, and read from a copy of the
page in which each text stands at its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from statistics import median

_FEW_LINES = 8
_FEW_WORDS = 20
_SHRED = 2  # characters
_CELL = 24
_COLUMN = 25  # characters of a line of text in a column, at least
_WIDE = 60  # of a line across two columns, at least
_JITTER = 4  # characters by which the places of a column's lines may differ
_GAP = re.compile(r" {3,}")
_LETTER_SPACE = re.compile(r"(?<=\S) (?=\S)")  # words stand further apart than letters
_SPACES = re.compile(r"[ \t]{2,}")


def may_be_out_of_order(text: str) -> bool:
    """Whether the places are worth reading, which takes as long again."""
    lines = _lines(text)
    if is_spaced(text):
        return True
    if len(lines) < _FEW_LINES:
        return False
    return is_in_shreds(text) or not _CELL < median(map(len, lines)) <= _WIDE


def read(text: str, placed: str) -> str:
    """``text`` is the page as it is written, ``placed`` the same with each text at its place."""
    if is_spaced(text):
        return text if not is_spaced(placed) else _rows(_LETTER_SPACE.sub("", placed))
    if is_in_shreds(text):
        return text if is_in_shreds(placed) else _rows(placed)
    lines, rows = _lines(text), _lines(placed)
    if median(map(len, lines)) <= _CELL:
        return _rows(placed) if len(rows) <= 0.7 * len(lines) else text
    gutter = _gutter(rows)
    return text if gutter is None else "\n".join(_by_columns(rows, gutter))


def is_in_shreds(text: str) -> bool:
    lines = [line.strip() for line in _lines(text)]
    return len(lines) >= _FEW_LINES and sum(len(line) <= _SHRED for line in lines) > len(lines) / 2


def is_spaced(text: str) -> bool:
    """Whether most words are single letters."""
    words = text.split()
    return len(words) >= _FEW_WORDS and sum(len(word) == 1 and word.isalpha() for word in words) > len(words) / 2


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n") if line.strip()]


def _rows(placed: str) -> str:
    return "\n".join(_SPACES.sub(" ", line).strip() for line in _lines(placed))


def _gutter(rows: list[str]) -> int | None:
    """Where the second of two columns of text begins; None where most lines do not have two long texts side by side."""
    pairs = [(line[: gap.start()].strip(), line[gap.end() :], gap.end()) for line in rows for gap in _gaps(line)[:1]]
    pairs = [pair for pair in pairs if pair[0] and not _GAP.search(pair[1])]
    if len(pairs) < max(_FEW_LINES, 0.6 * len(rows)):
        return None
    at = int(median(pair[2] for pair in pairs))
    aligned = [pair for pair in pairs if abs(pair[2] - at) <= _JITTER]
    if len(aligned) < 0.8 * len(pairs):
        return None
    shortest = min(median(len(pair[0]) for pair in aligned), median(len(pair[1]) for pair in aligned))
    return at if shortest >= _COLUMN else None


def _gaps(line: str) -> list[re.Match[str]]:
    """Those between texts, without the one before the first."""
    return [gap for gap in _GAP.finditer(line) if line[: gap.start()].strip()]


def _by_columns(rows: Iterable[str], gutter: int) -> Iterator[str]:
    """The left column and then the right one, between the lines that go across both."""
    left: list[str] = []
    right: list[str] = []
    for line in rows:
        gap = next((one for one in _gaps(line) if abs(one.end() - gutter) <= _JITTER), None)
        if gap is not None:
            left.append(line[: gap.start()])
            right.append(line[gap.end() :])
        elif not line[: gutter - _JITTER].strip():
            right.append(line)
        elif len(line) <= gutter:
            left.append(line)
        else:
            yield from (_SPACES.sub(" ", one).strip() for one in (*left, *right, line))
            left, right = [], []
    yield from (_SPACES.sub(" ", one).strip() for one in (*left, *right))
