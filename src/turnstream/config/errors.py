"""What pydantic finds wrong, as sentences with file, line and key, and without the values: they may be secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from turnstream.config.document import Document, Path
from turnstream.events import ConfigurationError

_SENTENCES = {
    "string_type": "must be a text (quote it if it looks like a number, a date or yes/no)",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of keys and values",
    "model_type": "must be a mapping of keys and values",
    "missing": "is missing",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
}
_REFERENCE = "must be 'package.module:name' or 'file.py:name'"
_PATTERNS = {
    "name": "must be of letters, digits, '.', '_' and '-', at most 64 of them",
    "python": _REFERENCE,
    "ask": _REFERENCE,
    "prefix": "must be of letters, digits, '_' and '-', at most 32 of them",
}


def validated(section: type[BaseModel], document: Document, value: Any, path: Path = ()) -> Any:
    """An instance of ``section``. Raises one `ConfigurationError` that lists everything that is wrong."""
    try:
        return section.model_validate(value)
    except ValidationError as error:
        problems = list(_problems(error.errors(include_url=False), section, document, value, path))
    raise ConfigurationError("\n".join(problems))


def _problems(
    found: Iterable[ErrorDetails], section: type[BaseModel], document: Document, value: Any, start: Path
) -> Iterable[str]:
    said: set[Path] = set()
    for error in found:
        where = (*start, *error["loc"])
        path = where if error["type"] == "missing" else _known(where, document)
        if len(path) < len(where) and path in said:
            continue  # the alternatives of a union: one sentence is enough
        said.add(path)
        yield document.error(path, _sentence(error, section))


def _known(path: Path, document: Document) -> Path:
    while path and path not in document.lines:
        path = path[:-1]
    return path


def _sentence(error: ErrorDetails, section: type[BaseModel]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    key = str(error["loc"][-1]) if error["loc"] else ""
    match kind:
        case "extra_forbidden":
            known = _keys(section, error["loc"][:-1])
            return f"unknown key{meant(key, known) or '; known are ' + ', '.join(known)}"
        case "literal_error":
            return f"must be {context['expected']}{meant(str(error.get('input')), _words(context['expected']))}"
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            return _PATTERNS.get(key, "is not written as it must be")
        case _:
            return _SENTENCES.get(kind, "has a value that is not allowed here").format(**context)


def meant(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'model'?)``, or nothing when no known word is like it."""
    close = get_close_matches(word.lower(), list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _words(expected: str) -> list[str]:
    return [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]


def _keys(section: Any, path: Iterable[str | int]) -> list[str]:
    """The keys that the section at ``path`` knows."""
    for part in path:
        if isinstance(part, int):
            section = next(iter(get_args(section)), None)
        elif isinstance(section, type) and issubclass(section, BaseModel) and part in section.model_fields:
            section = _bare(section.model_fields[part].annotation)
    fields: Mapping[str, Any] = getattr(section, "model_fields", {})
    return list(fields)


def _bare(annotation: Any) -> Any:
    """``X | None`` → ``X``."""
    if get_origin(annotation) in (Union, UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation
