"""Text in pieces that are small enough to be found for one thing and given to a model whole.

Paragraphs are packed together up to `LIMIT` characters. A longer one is cut after a sentence, else after a word, else
anywhere but within a character. Nothing but white space is lost, and nothing stands in two chunks but a table's head.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LIMIT = 1200
"""Characters, about 300 tokens of English."""

_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE_END = re.compile(r"[.!?…]['\")\]]*\s|[。！？]|\n")
_TABLE = re.compile(r"[^\n]*\|[^\n]*\n[ \t]*\|?(?:[ \t]*:?-{3,}:?[ \t]*\|)+[-: \t]*\n")
"""The first two lines of Markdown's tables: the head, and what makes it one."""
_JOINER = "\u200d"


def chunks(text: str, limit: int = LIMIT) -> list[str]:
    packed: list[str] = []
    for paragraph in _PARAGRAPHS.split(text.strip()):
        for piece in _pieces_of(paragraph.rstrip(), limit):
            if packed and len(packed[-1]) + 2 + len(piece) <= limit:
                packed[-1] += f"\n\n{piece}"
            else:
                packed.append(piece)
    return packed


def _pieces_of(paragraph: str, limit: int) -> Iterator[str]:
    """Of a table that is cut, each piece has its head: without it, nobody knows what the cells are."""
    head = _TABLE.match(paragraph) if len(paragraph) > limit else None
    if head is None or len(head[0]) > limit // 2:
        yield from _pieces(paragraph, limit)
        return
    for piece in _pieces(paragraph[head.end() :], limit - len(head[0])):
        yield head[0] + piece


def _pieces(text: str, limit: int) -> Iterator[str]:
    start = 0
    while len(text) - start > limit:
        cut = _cut(text, start, limit)
        if piece := text[start:cut].rstrip():
            yield piece
        start = cut
        while start < len(text) and text[start].isspace():
            start += 1
    if piece := text[start:].rstrip():
        yield piece


def _cut(text: str, start: int, limit: int) -> int:
    """Where to cut, at most ``limit`` characters after ``start``. No sentence's end in the first half counts."""
    end, half = start + limit, start + limit // 2
    sentences = [match.end() for match in _SENTENCE_END.finditer(text, half, end)]
    if sentences:
        return sentences[-1]
    for place in range(end, half, -1):
        if text[place].isspace():
            return place
    for place in range(end, half, -1):
        if not _belongs(text, place):
            return place
    return end


def _belongs(text: str, place: int) -> bool:
    """The character there is part of the one before it, as far as a reader is concerned."""
    return bool(unicodedata.combining(text[place])) or _JOINER in text[place - 1 : place + 1]
