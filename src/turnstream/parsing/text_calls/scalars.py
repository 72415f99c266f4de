"""Words that may be something else than strings: null, booleans and numbers, as families and languages spell them."""

from __future__ import annotations

import json
import re

from turnstream.parsing.text_calls.schema import Types

WORDS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null"}
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_LOOSE = re.compile(
    r"([+-]?)(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?"
    r"|\.[0-9][0-9_]*(?:[eE][+-]?[0-9]+)?)",
    re.ASCII,
)
_LONGEST = 400
"""No number that a tool can use is longer; Python refuses to convert those of more than 4,300 digits."""


def number(word: str) -> str | None:
    """A number in JSON's spelling, however it is spelled; None if the word is not a number."""
    if len(word) > _LONGEST:
        return None
    if NUMBER.fullmatch(word):
        return word
    found = _LOOSE.fullmatch(word)
    if found is None or word[-1] == "_" or "__" in word:
        return None
    sign, digits = found.groups()
    minus = "-" if sign == "-" else ""
    try:
        if digits[:2].lower() in ("0x", "0o", "0b"):
            return minus + str(int(digits, 0))
        if not any(char in digits for char in ".eE"):
            return minus + str(int(digits))
        value = float(digits)
    except ValueError:
        return None
    return None if value in (float("inf"), float("-inf")) else minus + json.dumps(value)


def leads_with_zero(word: str) -> bool:
    """Whether zeros would be lost that may mean something: a telephone number, a code, an octal number."""
    digits = word.lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits[1] in "0123456789_"


def scalar(text: str, types: Types) -> str | None:
    """Raw text as JSON of one of the types, if it is null, a boolean or a number; else None.

    Where a string is allowed only the word ``null`` is null: ``none`` and ``NULL`` are words.
    """
    word = text.strip()
    lower = word.lower()
    strict = "string" in types
    if word == "null" and (not types or "null" in types or not strict):
        return "null"
    if lower in ("null", "none", "nil") and not strict and (types or word == "None"):
        return "null"
    if lower in ("true", "false") and ("boolean" in types or (not types and word in WORDS)):
        return lower
    if not types or types & {"integer", "number"}:
        found = number(word)
        if found is not None and not (leads_with_zero(word) and (not types or strict)):
            return _as_integer(found) if types and "number" not in types else found
    if "boolean" in types and word in ("0", "1"):
        return "true" if word == "1" else "false"
    return None


def _as_integer(number: str) -> str:
    """``3.0`` where an integer is declared."""
    if "." in number and float(number).is_integer():
        return str(int(float(number)))
    return number
