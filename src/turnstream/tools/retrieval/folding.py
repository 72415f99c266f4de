"""What of a text's spelling does not matter to a search: case, accents, and how its characters are put together.

Documents and questions are folded alike. ``Straße`` is ``strasse``, ``Łódź`` is ``lodz``, ``Αθήνα`` is ``αθηνα``, and
a soft hyphen is nothing. Marks that are vowels (those of India's scripts) and scripts that are written without spaces
stay as they are.
"""

from __future__ import annotations

import functools
import re
import unicodedata

VERSION = "1"
"""To be raised when the same text is folded otherwise: then the index of words is made again from its texts."""

_NOTHING = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\u0640]")  # soft hyphen, zero width, Arabic's stretching
_LETTERS = str.maketrans(
    {"ł": "l", "đ": "d", "ð": "d", "ø": "o", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h", "ŧ": "t", "ı": "i", "ĸ": "k"}
)
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_KEPT = re.compile("[\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\uac00-\ud7ff]")


def fold(text: str) -> str:
    """The text as it is compared."""
    if text.isascii():
        return text.lower()
    text = _NOTHING.sub("", unicodedata.normalize("NFKC", text))
    return "".join(map(_fold_character, text))


@functools.lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if _KEPT.match(character):
        return character
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", character))
    return bare.casefold().translate(_LETTERS)


def fold_with_places(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the place in ``text`` that it comes from."""
    made: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        folded = fold(character)
        made.append(folded)
        places += [place] * len(folded)
    return "".join(made), places
