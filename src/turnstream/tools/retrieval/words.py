"""Words for the full-text index, and questions to it.

The index's own tokenizer takes a run of letters for a word, which finds nothing in a language that is written without
spaces. Characters of such scripts are spaced apart, in documents and in questions alike, and two neighbours are asked
for as a phrase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from turnstream.tools.retrieval import folding

MOST_WORDS = 64
MOST_CHARACTERS = 4_000

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\ua960-\ua97f\uac00-\ud7ff\uff66-\uff9f"  # Hangul, kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_CHARACTER = re.compile(f"([{_UNSPACED}])")
_RUN = re.compile(f"[{_UNSPACED}]+")
_LETTER = r"(?:[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff])"  # with the marks of letters
_WORD = re.compile(rf"{_LETTER}+(?:[-._'’/:+#@]{_LETTER}+)*[+#]*")
_PART = re.compile(rf"{_LETTER}+")


def add_spaces(text: str) -> str:
    """The text as the index takes it."""
    text = folding.fold(text)
    return _CHARACTER.sub(r" \1 ", text) if _CHARACTER.search(text) else text


def words(question: str) -> list[str]:
    """What a question asks for, without repetitions: words, the parts of compound ones, pairs of characters."""
    found: dict[str, None] = {}
    for match in _WORD.finditer(folding.fold(question[:MOST_CHARACTERS])):
        word = match[0]
        for run in _RUN.findall(word):
            found.update(dict.fromkeys([run[at : at + 2] for at in range(len(run) - 1)] or [run]))
        rest = _RUN.sub(" ", word).strip()
        if rest and " " not in rest:
            found[rest] = None
        found.update(dict.fromkeys(_PART.findall(rest)))
    return list(found)[:MOST_WORDS]


def expression(asked: Iterable[str]) -> str:
    """The words in FTS5's language, any of them being enough.

    Each is a quoted string, and a word has no quotes, so nothing of a question is read as syntax.
    """
    return " OR ".join(f'"{add_spaces(word).strip()}"' for word in asked)


def excerpt(text: str, question: str, length: int = 300) -> str:
    """A piece of the text, on one line, around the longest of the question's words that it has."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    low, places = folding.fold_with_places(line)
    longest = max((word for word in words(question) if word in low), key=len, default="")
    at = places[low.find(longest)] if longest else 0
    start = max(0, min(at - length // 4, len(line) - length))
    if start:
        start = line.find(" ", start, start + 30) + 1 or start
    piece = line[start : start + length].strip()
    return f"{'…' if start else ''}{piece}{'…' if start + length < len(line) else ''}"
