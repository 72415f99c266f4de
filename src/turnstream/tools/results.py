"""What a function returned or raised, as a tool's output."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from turnstream.events import AudioPart, ContentPart, FilePart, ImagePart, TextPart, ToolOutput

_PARTS = (TextPart, ImagePart, FilePart, AudioPart)
_MOST_MESSAGE = 500
# what stands before the host and after the path of a URL is where errors of HTTP libraries carry secrets
_URL = re.compile(r"(?P<start>\w{1,20}://)(?:[^\s/@'\"]*@)?(?P<rest>[^\s?#'\"]*)(?:[?#][^\s'\"]*)?")


def output(value: Any) -> ToolOutput:
    """A string or content parts go to the model as they are, anything else as JSON. None is ``null``.

    Pydantic models, dataclasses, enums, dates, sets and the like have a JSON form. Raises `TypeError` for what has
    none.
    """
    match value:
        case ToolOutput():
            return value
        case str():
            return ToolOutput(str(value))
        case None:
            return ToolOutput("null")
        case TextPart() | ImagePart() | FilePart() | AudioPart():
            return ToolOutput((value,))
        case list() | tuple() if any(isinstance(item, _PARTS) for item in value):
            return ToolOutput(_parts(value))
        case _:
            return _json(value)


def _parts(items: list[Any] | tuple[Any, ...]) -> tuple[ContentPart, ...]:
    return tuple(item if isinstance(item, _PARTS) else TextPart(_text(item)) for item in items)


def _text(item: Any) -> str:
    return item if isinstance(item, str) else str(_json(item).content)


def _json(value: Any) -> ToolOutput:
    from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

    try:
        data = to_jsonable_python(value, fallback=_unknown)
        return ToolOutput(to_json(data, inf_nan_mode="null").decode(), data=data)
    except (PydanticSerializationError, ValueError) as error:
        raise TypeError(f"the result has no JSON form: {error}") from error


def _unknown(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    raise ValueError(f"{type(value).__name__} is no JSON; return a string, a dict, a dataclass or a pydantic model")


def failure(error: BaseException) -> ToolOutput:
    """An exception, for the model: its class and its message, bounded, without what URLs carry besides an address.

    Clients are shown the class alone.
    """
    bare = f"The tool failed with {type(error).__name__}"
    message = _URL.sub(r"\g<start>\g<rest>", " ".join(str(error)[: 8 * _MOST_MESSAGE].split()))[:_MOST_MESSAGE]
    return ToolOutput(f"{bare}: {message}" if message else f"{bare}.", is_error=True, shown=f"{bare}.")
