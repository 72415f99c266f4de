"""A request's body with gaps: ``${query}``, ``${vector}`` and ``${top_k}``, filled in the decoded values.

A text that is nothing but a gap becomes the value itself; within a longer text a value is put in as text. Nothing is
parsed after that, so nothing of a question is read as syntax, or as a gap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from turnstream import errors

NAMES = ("query", "top_k", "vector")

_GAP = re.compile(r"\$\$\{|\$\{([A-Za-z_]\w*)\}|\$\{")
_WHOLE = re.compile(r"\$\{(\w+)\}")


class Template:
    """``body`` is of mappings, lists and plain values. ``$${`` stands for ``${``. Raises `ConfigurationError`."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self.gaps: set[str] = set()
        self._read(body)

    def fill(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """With a value for each of ``gaps``."""
        return {key: _fill(value, values) for key, value in self.body.items()}

    def _read(self, value: Any) -> None:
        match value:
            case dict():
                for key, item in value.items():
                    if "${" in key:
                        raise errors.ConfigurationError(f"{key!r} is a key, and only values can have '${{…}}'")
                    self._read(item)
            case list():
                for item in value:
                    self._read(item)
            case str():
                self._read_text(value)

    def _read_text(self, text: str) -> None:
        whole = _WHOLE.fullmatch(text)
        for match in _GAP.finditer(text):
            name = match[1]
            if match[0] == "$${":
                continue
            if name not in NAMES:
                known = ", ".join(f"${{{known}}}" for known in NAMES)
                raise errors.ConfigurationError(f"unknown placeholder {match[0]}; expected {known}, or $${{ for '${{'")
            if name == "vector" and not whole:
                raise errors.ConfigurationError("${vector} is a list of numbers: it must be the whole of a value")
            self.gaps.add(name)


def _fill(value: Any, values: Mapping[str, Any]) -> Any:
    match value:
        case dict():
            return {key: _fill(item, values) for key, item in value.items()}
        case list():
            return [_fill(item, values) for item in value]
        case str():
            whole = _WHOLE.fullmatch(value)
            return values[whole[1]] if whole else _GAP.sub(lambda gap: _text(gap, values), value)
        case _:
            return value


def _text(gap: re.Match[str], values: Mapping[str, Any]) -> str:
    return str(values[gap[1]]) if gap[1] else "${"
