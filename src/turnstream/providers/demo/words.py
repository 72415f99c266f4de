"""What can be found in a sentence without understanding it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a about all also an and any are as at be been by can could current currently did do does every for from "
        "give given had has have hello help hey hi how i if in instance into is it its just let like made make me "
        "model more most much my named need no not of on once one only or other out please shall should show so "
        "some such tell than thank thanks that the their them then there these they this to tool up us use used "
        "uses using want was way we were what when where which who will with would you your ",
    )
)

_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|`([^`]+)`|(?<!\w)'([^']+)'(?!\w)")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)")
_NAME = r"[A-ZÀ-Þ][\w'’-]*(?:\s+(?:de|of|la|del|am)?\s*[A-ZÀ-Þ][\w'’-]*)*"
_NAMES = re.compile(rf"\b{_NAME}")
_OPERAND = r"(?:[(\s]*(?:[-+]\s*)?\d+(?:\.\d+)?[)\s]*)"
_EXPRESSION = re.compile(rf"{_OPERAND}(?:(?:\*\*|//|[-+*/%^×÷x])\s*{_OPERAND})+")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\S*")
_SPOKEN = (
    (re.compile(r"(?<=[\d)])\s+(?:times|multiplied by)\s+(?=[\d(])"), " * "),
    (re.compile(r"(?<=[\d)])\s+divided by\s+(?=[\d(])"), " / "),
    (re.compile(r"(?<=[\d)])\s+plus\s+(?=[\d(])"), " + "),
    (re.compile(r"(?<=[\d)])\s+minus\s+(?=[\d(])"), " - "),
)
_MOST = 2000
_TOKEN = re.compile(r"\s*[^\W_]{1,12}|\s*[\W_]|\s+")


def plain(text: str) -> str:
    """As much of a text as is looked at, with single spaces. Lines stay."""
    return re.sub(r"[^\S\n]+", " ", text[:_MOST]).strip()


def stems(text: str) -> list[str]:
    """The telling words of a text, in lower case, without their endings. ``get_weatherNow`` is three words."""
    spaced = _CAMEL.sub(" ", text.replace("_", " ").replace("-", " "))
    return [_stem(word) for word in _WORD.findall(spaced.lower()) if word not in _COMMON and len(word) > 1]


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    for ending in (
        "ations",
        "ation",
        "ators",
        "ator",
        "ating",
        "ates",
        "ated",
        "ate",
        "ings",
        "ing",
        "ies",
        "ed",
        "es",
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    word = word.removesuffix("s") if len(word) > 3 and not word.endswith("ss") else word
    return word.removesuffix("e").removesuffix("y") if len(word) > 4 else word


def tokens(text: str) -> list[str]:
    """The text in small pieces, as a language model would give it."""
    return _TOKEN.findall(text)


def find_quoted(text: str) -> list[str]:
    return ["".join(found) for found in _QUOTED.findall(text)]


def numbers(text: str) -> list[tuple[str, int, int]]:
    """Each number as it is written, with the place where it begins and ends."""
    return [(match.group(), match.start(), match.end()) for match in _NUMBER.finditer(text)]


def expression(text: str) -> str | None:
    """The longest arithmetic expression: ``12*7``, ``3 plus 4``."""
    text = _DATE.sub(" ", text)
    for pattern, operator in _SPOKEN:
        text = pattern.sub(operator, text)
    found = [match.group().strip() for match in _EXPRESSION.finditer(text)]
    if not found:
        return None
    longest = re.sub(r"(?<=[\d)\s])x(?=[\d(\s])", "*", max(found, key=len))
    return _balance(longest)


def _balance(text: str) -> str:
    """Parentheses that belong to the sentence and not to the expression go."""
    while text.count("(") > text.count(")") and text.startswith("("):
        text = text[1:].lstrip()
    while text.count(")") > text.count("(") and text.endswith(")"):
        text = text[:-1].rstrip()
    return text


def names(text: str, known: Collection[str] = ()) -> list[str]:
    """Capitalised words, but those that are so because a sentence begins there: common ones and the stems ``known``."""
    found: list[str] = []
    for match in _NAMES.finditer(text):
        parts = match.group().split()
        before = text[: match.start()].rstrip()
        while parts and (not before or before[-1] in ".?!:;") and _is_plain(parts[0], known):
            parts.pop(0)
        if parts and parts != ["I"]:
            found.append(" ".join(parts))
    return found


def _is_plain(word: str, known: Collection[str]) -> bool:
    lower = re.split("['’]", word.lower())[0]
    return lower in _COMMON or _stem(lower) in known


def after(text: str, prepositions: Iterable[str]) -> str | None:
    """The name after one of these words; if none is capitalised, the words up to the next sign or small word."""
    words = "|".join(prepositions)
    match = re.search(rf"\b(?:{words})\s+(?:the\s+)?({_NAME})", text)
    if match is None:
        stop = r"(?=\s+(?:and|or|in|at|on|for|to|from|with|by|right|now|today|tomorrow|please)\b|[^\w\s'’-]|\s*$)"
        match = re.search(rf"\b(?:{words})\s+(?:the\s+)?([^\W\d][\w\s'’-]*?){stop}", text, re.IGNORECASE)
    return match.group(1).strip() if match else None
