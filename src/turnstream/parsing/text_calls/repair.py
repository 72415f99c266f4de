"""A call that is not JSON, made whole at its end if its meaning is certain."""

from __future__ import annotations

import ast
import json
import re
from typing import Any


def _refuse(word: str) -> Any:
    raise ValueError(word)


REPAIRED = 65_536
"""The repair library takes some 4 ms for a thousand characters: what is longer is not repaired."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BARE_WORD = re.compile(r":\s*(?:(?!true|false|null|True|False|None)[A-Za-z_]|-?[0-9][0-9.]*[^0-9.eE,}\]\s+-])")
_STRICT = json.JSONDecoder(parse_constant=_refuse)
_LENIENT = json.JSONDecoder(parse_constant=_refuse, strict=False)


def strict(text: str, *, raw_newlines: bool = False) -> Any:
    """The value of JSON text. Raises ValueError."""
    try:
        return (_LENIENT if raw_newlines else _STRICT).decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def is_object(text: str) -> bool:
    try:
        return isinstance(strict(text), dict)
    except ValueError:
        return False


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def python_literal(text: str) -> Any:
    """The value of a Python literal. Raises ValueError."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        raise ValueError("not a literal") from None


def mended(text: str) -> Any:
    """The value of nearly-JSON text; raises ValueError where there is none to be sure of."""
    try:
        return strict(text, raw_newlines=True)
    except ValueError:
        pass
    try:
        return python_literal(text)
    except ValueError:
        pass
    if _BARE_WORD.search(_STRING.sub('""', text)):
        raise ValueError("a word that is no value")
    if len(text) > REPAIRED:
        raise ValueError("too long to repair")
    import json_repair  # slow to load and seldom needed

    try:
        found = json_repair.loads(text, skip_json_loads=True)
    except (RecursionError, ValueError):
        raise ValueError("beyond repair") from None
    if not isinstance(found, dict | list) or not found:
        raise ValueError("beyond repair")
    return found


def rest_of(whole: Any, given: str) -> str | None:
    """What is still to be said of ``whole`` when the JSON text ``given`` was said; None if they disagree."""
    for separators in ((", ", ": "), (",", ":"), (",", ": ")):
        text = json.dumps(whole, ensure_ascii=False, separators=separators)
        if text.startswith(given):
            return text[len(given) :]
    return None
