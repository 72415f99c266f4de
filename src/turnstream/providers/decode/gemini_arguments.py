"""Function-call arguments that Gemini streams as a list of (JSON path, value) pieces."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_DEEPEST = 64


class PartialArguments:
    """Puts the pieces together. A string may come in pieces of its own: each continues what the path already has.

    What no known form of piece or path says is left out: a call's arguments are checked against its tool's schema
    before it is executed.
    """

    def __init__(self) -> None:
        self.value: dict[str, Any] = {}

    def feed(self, pieces: Any) -> None:
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict) and isinstance(path := piece.get("jsonPath"), str):
                self._set(path, piece)

    def _set(self, path: str, piece: dict[str, Any]) -> None:
        steps = [_step(match) for match in _STEP.finditer(path)]
        if not steps or len(steps) > _DEEPEST or not isinstance(steps[0], str):
            return
        at: Any = self.value
        for step, following in pairwise(steps):
            at = _inside(at, step, [] if isinstance(following, int) else {})
        last = steps[-1]
        if isinstance(text := piece.get("stringValue"), str):
            before = _inside(at, last, "")
            _put(at, last, before + text if isinstance(before, str) else text)
            return
        for key in ("numberValue", "boolValue", "nullValue"):
            if key in piece:
                _put(at, last, None if key == "nullValue" else piece[key])
                return


def _step(match: re.Match[str]) -> str | int:
    return int(match[2]) if match[2] is not None else str(match[1] or match[3] or match[4] or "")


def _inside(at: Any, step: str | int, otherwise: Any) -> Any:
    """What stands there, made if it is missing."""
    if isinstance(at, dict) and isinstance(step, str):
        return at.setdefault(step, otherwise)
    if isinstance(at, list) and isinstance(step, int):
        _put(at, step, at[step] if step < len(at) else otherwise)
        return at[step] if step < len(at) else None
    return None


def _put(at: Any, step: str | int, value: Any) -> None:
    """A list grows by one item at a time, so that a path cannot ask for a huge one."""
    if isinstance(at, dict) and isinstance(step, str):
        at[step] = value
    elif isinstance(at, list) and isinstance(step, int):
        if step < len(at):
            at[step] = value
        elif step == len(at):
            at.append(value)
