"""What a function returned or raised, as a tool's output."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence, Set
from types import SimpleNamespace
from typing import Any

import msgspec

from turnstream import messages, toolspec
from turnstream.parsing import media
from turnstream.tools import fitting

log = logging.getLogger("turnstream.tools")

_PARTS = (messages.TextPart, messages.ImagePart, messages.FilePart, messages.AudioPart)
_MOST_MESSAGE = 500
_DEEPEST = 100
# what stands before the host and after the path of a URL is where errors of HTTP libraries carry secrets
_URL = re.compile(r"(?P<start>\w{1,20}://)(?:[^\s/@'\"]*@)?(?P<rest>[^\s?#'\"]*)(?:[?#][^\s'\"]*)?")


def output(value: Any) -> toolspec.ToolOutput:
    """A string or content parts go to the model as they are, anything else as JSON. None is ``null``.

    The function has done its work, so every value becomes something: pydantic models, dataclasses, enums, dates, sets,
    numpy's and pandas' values and any mapping or sequence have a JSON form; bytes are text, an image or a file; what
    has no form at all is given as ``str()`` of it, with a warning in the log.
    """
    match value:
        case toolspec.ToolOutput(content=str()):
            return fitting.fit(value)
        case toolspec.ToolOutput():
            made = tuple(_part(part) for part in value.content)
            return fitting.fit(msgspec.structs.replace(value, content=made))
        case str():
            return fitting.fit(toolspec.ToolOutput(str(value)))
        case None:
            return toolspec.ToolOutput("null")
        case bytes() | bytearray() | memoryview():
            return fitting.fit(_content((media.part(bytes(value)),)))
        case messages.TextPart() | messages.ImagePart() | messages.FilePart() | messages.AudioPart():
            return fitting.fit(toolspec.ToolOutput((media.readable(value),)))
        case list() | tuple() if any(isinstance(item, _PARTS) for item in value):
            return fitting.fit(toolspec.ToolOutput(tuple(_part(item) for item in value)))
        case _:
            return fitting.fit(_json(value))


def _content(parts: tuple[messages.ContentPart, ...]) -> toolspec.ToolOutput:
    """One text is a plain string."""
    match parts:
        case (messages.TextPart(text=text),):
            return toolspec.ToolOutput(text)
        case _:
            return toolspec.ToolOutput(parts)


def _part(item: Any) -> messages.ContentPart:
    if isinstance(item, _PARTS):
        return media.readable(item)
    if isinstance(item, bytes | bytearray):
        return media.part(bytes(item))
    return messages.TextPart(item if isinstance(item, str) else str(_json(item).content))


def _json(value: Any) -> toolspec.ToolOutput:
    from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

    try:
        data = to_jsonable_python(value, fallback=_convert_known)
        text = to_json(data, inf_nan_mode="null").decode()
    except (PydanticSerializationError, ValueError, TypeError, AttributeError, RecursionError):
        data = _plain(value)
        text = to_json(data, inf_nan_mode="null").decode()
    return toolspec.ToolOutput(text, data=data)


def _convert_known(value: Any) -> Any:
    """What pydantic does not know, in a form that it knows. Raises `TypeError`."""
    converted = _convert(value)
    if converted is value:
        raise TypeError(type(value).__name__)
    return converted


def _convert(value: Any) -> Any:
    """numpy and pandas are known by what they can do, so that neither is imported. ``value`` itself if it has no
    form."""
    match value:
        case msgspec.Struct():
            return msgspec.to_builtins(value, enc_hook=str)
        case BaseException():
            return message_of(value)
        case SimpleNamespace():
            return dict(vars(value))
        case Mapping():
            return dict(value)
    for method, arguments in _conversions(value):
        return method(*arguments)
    return list(value) if isinstance(value, Sequence | Set) else value


def _conversions(value: Any) -> list[tuple[Callable[..., Any], tuple[Any, ...]]]:
    """The methods that give a table, a labelled column, an array or a number as plain values; the best first."""
    if isinstance(value, type):
        return []
    has_labels = type(getattr(value, "index", None)).__name__ not in ("NoneType", "RangeIndex")
    candidates = (
        ("to_dicts", (), True),
        ("to_dict", ("records",), hasattr(value, "columns")),
        ("to_dict", (), has_labels and hasattr(value, "dtype")),
        ("tolist", (), getattr(value, "ndim", 1) != 0),
        ("item", (), hasattr(value, "dtype")),
    )
    return [
        (getattr(value, name), arguments)
        for name, arguments, fits in candidates
        if fits and callable(getattr(value, name, None))
    ]


def _plain(value: Any, depth: int = 0, above: tuple[int, ...] = ()) -> Any:
    """A JSON form for anything: the slow way, which no value can make fail."""
    from pydantic_core import to_jsonable_python

    if value is None or isinstance(value, bool | int | float | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, bytes | bytearray):
        text = media.plain_text(bytes(value))
        return f"{len(value):,} bytes" if text is None else text
    if depth > _DEEPEST or id(value) in above:
        return "…"
    inside = (*above, id(value))
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, depth + 1, inside) for key, item in value.items()}
    if isinstance(value, list | tuple | Set):
        return [_plain(item, depth + 1, inside) for item in value]
    try:
        if (converted := _convert(value)) is not value:
            return _plain(converted, depth + 1, inside)
        return to_jsonable_python(value)
    except Exception:  # the boundary to values of all libraries: their methods may raise whatever they like
        log.warning("a result of type %s has no JSON form: the model gets its text", type(value).__name__)
    return _text(value)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else "null" if key is None else _text(key)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # the same boundary
        return f"a value of type {type(value).__name__}"


def failure(error: BaseException) -> toolspec.ToolOutput:
    """An exception, for the model: its class and its message, bounded, without what URLs carry besides an address.
    Of a group, the first error in it.

    Clients are shown the class alone.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    message = message_of(error).removeprefix(type(error).__name__).removeprefix(": ")
    bare = f"The tool failed with {type(error).__name__}"
    return toolspec.ToolOutput(f"{bare}: {message}" if message else f"{bare}.", is_error=True, shown=f"{bare}.")


def message_of(error: BaseException) -> str:
    """``ValueError: the reason``, on one line, without what the URLs in it carry besides an address."""
    message = " ".join(_text(error)[: 8 * _MOST_MESSAGE].split())
    message = _URL.sub(r"\g<start>\g<rest>", message)[:_MOST_MESSAGE]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
