"""Request bodies, from bytes to typed structs: each way in which a body can be bad is one `RequestError`."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from turnstream import errors, text

T = TypeVar("T", bound=Struct)

_FLAT = frozenset({str, int, float, bool, type(None)})
MAX_DEPTH = 100  # of the free-form values in a body; they are encoded again on the way to the model

_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)


def decode(body: bytes, type: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except RecursionError:
        raise errors.RequestError("The request body is nested too deeply.", code="invalid_json") from None
    except UnicodeDecodeError:
        raise errors.RequestError("The request body is not valid UTF-8.", code="invalid_json") from None
    except msgspec.DecodeError:
        return _decode_slowly(body, type)


def convert(value: Any, type: type[T], path: str) -> T:
    """A free-form part of a body, as the struct that it has to be."""
    try:
        return msgspec.convert(check_depth(value, path), type=type)
    except msgspec.ValidationError as error:
        raise _invalid(error, path) from None


def _decode_slowly(body: bytes, type: type[T]) -> T:
    """For what msgspec refuses and others send (a byte order mark, half of a surrogate pair), and for better messages
    about the rest."""
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
        return msgspec.convert(text.join_surrogates_in(value), type=type)
    except UnicodeDecodeError:
        raise errors.RequestError("The request body is not valid UTF-8.", code="invalid_json") from None
    except RecursionError:
        raise errors.RequestError("The request body is nested too deeply.", code="invalid_json") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise errors.RequestError(
            f"The request body is not valid JSON: {error.msg} ({where}).", code="invalid_json"
        ) from None
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except ValueError:  # an integer of more digits than Python converts, or NaN
        raise errors.RequestError("The request body is not valid JSON.", code="invalid_json") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _invalid(error: msgspec.ValidationError, prefix: str = "") -> errors.RequestError:
    """``prefix`` is where in the body the part stands that is wrong."""
    found = _PATH.match(str(error))
    what, path = (found["what"], found["path"]) if found else (str(error), None)
    missing = re.match(r"Object missing required field `([^`]*)`", what)
    if missing:
        path = f"{path}.{missing[1]}" if path else missing[1]
        what = "this field is required"
    if prefix:
        path = f"{prefix}{'' if not path or path[0] == '[' else '.'}{path or ''}"
    what = what.replace("`", "'")
    message = f"{path}: {what}." if path else f"The request body is wrong: {what}."
    return errors.RequestError(message, param=path or None, code="invalid_type" if not missing else "missing_field")


def check_depth(value: Any, path: str) -> Any:
    """``value``, if it is not nested deeper than `MAX_DEPTH`."""
    if type(value) is str or (type(value) is dict and _FLAT.issuperset(map(type, value.values()))):
        return value
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return value
    raise errors.RequestError(f"{path}: nested too deeply.", param=path, code="invalid_value")
