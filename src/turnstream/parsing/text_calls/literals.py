"""What Python itself reads: calls and literals that the streaming reader leaves to it, once they are whole.

Only what JSON has too: no bytes, no complex number, no ``...``, no key that is not a string, no NaN. A set is a list
in the order in which it is written.
"""

from __future__ import annotations

import ast
import json
import math
import warnings
from typing import Any

LONGEST = 8_192
"""What is longer is not read: a bound on the time that Python's own parser takes."""


def keywords(text: str) -> dict[str, Any]:
    """The arguments of a call, ``f(a=1, **{"b": 2})``. Raises ValueError if they are not certain."""
    body = _parse(text)
    if not isinstance(body, ast.Call) or body.args:
        raise ValueError("not a call with keywords")
    found: dict[str, Any] = {}
    for keyword in body.keywords:
        value = _value(keyword.value)
        if keyword.arg is None and not isinstance(value, dict):
            raise ValueError("not keywords")
        given = value if keyword.arg is None else {keyword.arg: value}
        if not found.keys().isdisjoint(given):
            raise ValueError("an argument is given twice")
        found.update(given)
    return found


def literal(text: str) -> Any:
    """The value of a Python literal. Raises ValueError."""
    return _value(_parse(text.strip()))


def _parse(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ValueError("too long")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("not a literal") from None


def _value(node: ast.expr, depth: int = 0) -> Any:
    if depth > 100:
        raise ValueError("nested too deeply")
    match node:
        case ast.Constant(value=str() | bool() | None):
            return node.value
        case ast.Constant(value=int() | float()):
            return _number(node.value)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant(value=int() | float() as size)):
            if isinstance(size, bool):
                raise ValueError("not a number")
            return _number(-size if isinstance(sign, ast.USub) else size)
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [_value(item, depth + 1) for item in items]
        case ast.Dict(keys=keys, values=values):
            found: dict[str, Any] = {}
            for key, value in zip(keys, values, strict=True):
                if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                    raise ValueError("not a key of an object")
                found[key.value] = _value(value, depth + 1)
            return found
    raise ValueError("not a literal")


def _number(value: Any) -> int | float:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a number of JSON")
    if isinstance(value, int) and value.bit_length() > 1_300:
        raise ValueError("too long a number")
    number: int | float = value
    return number


def rest_of(whole: Any, given: str) -> str | None:
    """What is still to be said of ``whole`` when the JSON text ``given`` was said; None if they disagree."""
    for separators in ((", ", ": "), (",", ":"), (",", ": ")):
        text = json.dumps(whole, ensure_ascii=False, separators=separators)
        if text.startswith(given):
            return text[len(given) :]
    return None
