"""The arguments of a call as the JSON object that they should be."""

from __future__ import annotations

from typing import Any

import msgspec

from turnstream import errors, messages

_DEEPEST = 100


def arguments_of(call: messages.ToolCall) -> dict[str, Any]:
    """An empty text is no arguments. Raises `ToolError`, also for absurd nesting, which would fail whoever works with
    it."""
    try:
        arguments = msgspec.json.decode(call.arguments.strip() or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise errors.ToolError(f"The arguments of {call.name} are not a JSON object.") from None
    except RecursionError:
        raise _too_deep(call) from None
    if _is_deeper(arguments, _DEEPEST):
        raise _too_deep(call)
    return arguments


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(one, levels - 1) for one in inner)


def _too_deep(call: messages.ToolCall) -> errors.ToolError:
    return errors.ToolError(f"The arguments of {call.name} are nested too deeply.")
