"""What is wrong with a tool call, in words for the model that made it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from turnstream import text as texts

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_MOST_PROBLEMS = 5
_MOST_EXCERPT = 80


def complaint(error: ValidationError, text: str, tool: str, names: Sequence[str]) -> str:
    """Every problem with its path (``items[2].name``), at most five of them."""
    from pydantic_core import from_json

    details = error.errors(include_url=False, include_context=False)
    if details[0]["type"] == "json_invalid":
        reason = details[0]["msg"].removeprefix("Invalid JSON: ")
        return f"The arguments of {tool} are not valid JSON: {reason}. Write them as one JSON object."
    if details[0]["type"] == "model_type" and not details[0]["loc"]:
        return f"The arguments of {tool} must be one JSON object, not {_excerpt(text)}."
    value = from_json(text.encode("utf-8", "replace"))
    problems: dict[str, list[str]] = {}  # by path, since each branch of a union has its own
    for detail in details:
        found = problems.setdefault(_path(detail, value), [])
        if len(problems) <= _MOST_PROBLEMS and (problem := _problem(detail, names)) not in found:
            found.append(problem)
    told = [f"{path}: {' or '.join(found)}" for path, found in problems.items()]
    more = f"; and {len(told) - _MOST_PROBLEMS} more" if len(told) > _MOST_PROBLEMS else ""
    return f"The arguments of {tool} are wrong: {'; '.join(told[:_MOST_PROBLEMS])}{more}."


def _problem(detail: ErrorDetails, names: Sequence[str]) -> str:
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden" if len(detail["loc"]) == 1:
            near = texts.find_near(str(detail["loc"][0]), names)
            if near:
                return f"there is no such argument, perhaps you mean {near[0]}"
            known = ", ".join(names)
            return f"there is no such argument; there are: {known}" if known else "this tool takes no arguments"
        case "extra_forbidden":
            return "there is no such field"
        case _:
            message = detail["msg"][:1].lower() + detail["msg"][1:]
            return f"{message} (you wrote {_excerpt(json.dumps(detail['input'], ensure_ascii=False, default=str))})"


def _path(detail: ErrorDetails, value: Any) -> str:
    """The location in the arguments, without what only the checker knows: union branches, validators."""
    path = ""
    for key in detail["loc"]:
        if isinstance(value, list) and isinstance(key, int) and key < len(value):
            path += f"[{key}]"
            value = value[key]
        elif isinstance(value, dict) and key in value:
            path += f".{key}"
            value = value[key]
    if detail["type"] == "missing":
        path += f".{detail['loc'][-1]}"
    return path.removeprefix(".") or "the arguments"


def _excerpt(written: str) -> str:
    return texts.excerpt(written, _MOST_EXCERPT)
