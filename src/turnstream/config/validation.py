"""A section's values → the section. What pydantic finds wrong becomes sentences with file, line and key, and without
the values: they may be secrets.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from turnstream import plugins, text
from turnstream.config.document import Document, Path
from turnstream.config.sections import Section

S = TypeVar("S", bound=Section)

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
    "public_url": "must be an address such as https://agents.example.com",
    "root_path": "must be a path such as /agents, without a slash at its end",
    "prefix": "must be of letters, digits, '_' and '-', at most 32 of them",
}
_MOST_ROUNDS = 8


def validate(section: type[S], document: Document, value: Any, path: Path = ()) -> S | None:
    """An instance of ``section``; ``path`` is where ``value`` stands in the document.

    Everything that is wrong is reported to the document. What is wrong is then left out, so that the rest can be
    looked at too; None means that too little is left.
    """
    if (valid := try_validate(_without(section, value), value)) is not None:
        return valid
    section.complete()
    value = copy.deepcopy(value)
    left_out: set[Path] = set()
    for _ in range(_MOST_ROUNDS):
        try:
            return section.model_validate(value)
        except ValidationError as error:
            errors = error.errors(include_url=False)
        _report(errors, section, document, path, left_out)
        wrong = {_nearest_key(value, error["loc"]) for error in errors}
        if () in wrong:
            break
        for place in wrong:
            _remove(value, place)
        left_out.update((*path, *place) for place in wrong)
    return None


def try_validate(section: type[S] | None, value: Any) -> S | None:
    """An instance, or None if anything is wrong, or without a section."""
    if section is None:
        return None
    try:
        with plugins.without_those_of_pydantic():  # a section is made ready when it is first used
            return section.model_validate(copy.deepcopy(value))
    except ValidationError:
        return None


def _without(section: type[S], value: Any) -> type[S] | None:
    """The section without the types of its seldom fields that ``value`` has not, so that they need not be made ready;
    None where nothing is gained."""
    absent = tuple(name for name in section.seldom if isinstance(value, dict) and name not in value)
    if len(absent) < len(section.seldom):
        section.complete()
    return _make_narrow(section, absent) if absent else None


@cache
def _make_narrow(section: type[S], absent: Sequence[str]) -> type[S]:
    fields: dict[str, Any] = {}
    for name in absent:
        made = section.model_fields[name].default_factory
        fields[name] = (Any, section.model_fields[name].default if made is None else Field(default_factory=made))
    return create_model(section.__name__, __base__=section, **fields)


def _report(
    errors: Sequence[ErrorDetails], section: type[BaseModel], document: Document, start: Path, left_out: set[Path]
) -> None:
    reported: set[Path] = set()
    for error in errors:
        where = (*start, *error["loc"])
        if error["type"] == "literal_error" and isinstance(error.get("input"), dict):
            continue  # a mapping where a word may stand too: what is wrong in it is said by another error
        if any(place[: len(where)] == where for place in left_out):
            continue  # something is missing here because it was wrong
        path = where if error["type"] == "missing" else _nearest(where, document)
        if len(path) < len(where) and path in reported:
            continue  # the alternatives of a union: one sentence is enough
        reported.add(path)
        if not document.depends_on_unset(path):
            document.report(path, _explain(error, section))


def _nearest(path: Path, document: Document) -> Path:
    if path not in document.lines and 0 in path:  # a list of one may be written as that one
        alone = (*path[: path.index(0)], *path[path.index(0) + 1 :])
        path = alone if alone in document.lines else path
    while path and path not in document.lines:
        path = path[:-1]
    return path


def _nearest_key(value: Any, place: Path) -> Path:
    """The path of the innermost key of a mapping around ``place``; empty where ``value`` itself is wrong.

    Of a list the whole is meant, so that the paths of other errors remain true.
    """
    nearest: Path = ()
    for depth, part in enumerate(place, 1):
        if isinstance(value, dict) and part in value:
            nearest = place[:depth]
        elif not (isinstance(value, list) and isinstance(part, int) and part < len(value)):
            break
        value = value[part]
    return nearest


def _remove(value: Any, place: Path) -> None:
    for part in place[:-1]:
        value = value.get(part, {}) if isinstance(value, dict) else value[part]
    value.pop(place[-1], None)


def _explain(error: ErrorDetails, section: type[BaseModel]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    key = str(error["loc"][-1]) if error["loc"] else ""
    match kind:
        case "extra_forbidden":
            return _explain_unknown(key, _section_at(section, error["loc"][:-1]))
        case "literal_error":
            return f"must be {context['expected']}{suggest(str(error.get('input')), _words(context['expected']))}"
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            return _PATTERNS.get(key, "is not written as it must be")
        case _:
            return _SENTENCES.get(kind, "has a value that is not allowed here").format(**context)


def suggest(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'model'?)``, or nothing when no known word is like it."""
    close = text.find_near(word.lower(), known)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _words(expected: str) -> list[str]:
    return [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]


def _explain_unknown(key: str, section: Any) -> str:
    hint = getattr(section, "hints", {}).get(key)
    known = list(getattr(section, "model_fields", {}))
    return f"unknown key{f': {hint}' if hint else suggest(key, known) or '; known are ' + ', '.join(known)}"


def _section_at(section: Any, path: Iterable[str | int]) -> Any:
    for part in path:
        if isinstance(part, int):
            section = next(iter(get_args(section)), None)
        elif isinstance(section, type) and issubclass(section, BaseModel) and part in section.model_fields:
            section = _without_none(section.model_fields[part].annotation)
    return section


def _without_none(annotation: Any) -> Any:
    """``X | None`` → ``X``."""
    if get_origin(annotation) in (Union, UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation
