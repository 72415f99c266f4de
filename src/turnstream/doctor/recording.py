"""A recorded stream, taken apart with the place of each byte kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

DONE = "[DONE]"
_DATA_LINE = re.compile(rb"^data:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Line:
    """``start`` and ``end`` are its bytes in the body, without what ends it. A comment has the name ""."""

    start: int
    end: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Lines up to an empty one. ``closed`` says whether that came; ``end`` is behind it."""

    start: int
    end: int
    lines: tuple[Line, ...]
    closed: bool

    @property
    def data(self) -> str | None:
        """The joined data, None if the frame has none."""
        values = [line.value for line in self.lines if line.name == "data"]
        return "\n".join(values) if values else None

    def has(self, name: str) -> bool:
        return any(line.name == name for line in self.lines)


@dataclass(frozen=True)
class Recording:
    """One answer as it came. ``usage_asked`` is whether the request asked for usage. ``pauses`` are the silences before
    the byte at that place, in seconds. ``whole`` is the body of the same question asked without streaming. ``cut`` says
    why the answer did not come to its end, "" if it did.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    usage_asked: bool = False
    pauses: Sequence[tuple[int, float]] = ()
    whole: bytes | None = None
    name: str = "stream"
    cut: str = ""
    tools_offered: bool = False
    refusal_wanted: bool = False

    @property
    def is_stream(self) -> bool:
        """Whether it was meant as one: a page or a document that came instead is judged for that alone."""
        kind = self.headers.get("content-type", "")
        return self.status < 400 and (kind.startswith("text/event-stream") or _DATA_LINE.search(self.body) is not None)

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        return tuple(_frames(self.body)) if self.is_stream else ()

    @cached_property
    def chunks(self) -> tuple[tuple[Frame, dict[str, Any]], ...]:
        """The frames that hold a JSON object, up to the end marker."""
        found: list[tuple[Frame, dict[str, Any]]] = []
        for frame in self.frames:
            if frame.data == DONE:
                break
            value = parse(frame.data)
            if isinstance(value, dict):
                found.append((frame, value))
        return tuple(found)

    @cached_property
    def choices(self) -> tuple[tuple[Frame, dict[str, Any]], ...]:
        """Every choice of every chunk."""
        return tuple(
            (frame, choice)
            for frame, chunk in self.chunks
            if isinstance(chunk.get("choices"), list)
            for choice in chunk["choices"]
            if isinstance(choice, dict)
        )

    @cached_property
    def deltas(self) -> tuple[tuple[Frame, dict[str, Any]], ...]:
        return tuple((frame, c["delta"]) for frame, c in self.choices if isinstance(c.get("delta"), dict))

    @cached_property
    def calls(self) -> tuple[tuple[Frame, dict[str, Any]], ...]:
        """The fragments of tool calls."""
        return tuple((f, call) for f, d in self.deltas for call in d.get("tool_calls") or () if isinstance(call, dict))

    @property
    def failed(self) -> bool:
        return any(chunk.get("error") for _, chunk in self.chunks)


def parse(data: str | None) -> Any:
    """None for what is not JSON."""
    try:
        return None if data is None else json.loads(data)
    except (ValueError, RecursionError):
        return None


def _frames(body: bytes) -> list[Frame]:
    frames: list[Frame] = []
    lines: list[Line] = []
    at = start = 3 if body.startswith(b"\xef\xbb\xbf") else 0
    while at < len(body):
        end = at
        while end < len(body) and body[end] not in b"\r\n":
            end += 1
        behind = end + (2 if body[end : end + 2] == b"\r\n" else 1)
        terminated = end < len(body)
        if end > at:
            name, _, value = body[at:end].decode("utf-8", "replace").partition(":")
            lines.append(Line(at, end, name, value.removeprefix(" ")))
        elif terminated:
            frames.append(Frame(start, behind, tuple(lines), closed=True))
            lines, start = [], behind
        at = behind
    if lines:
        frames.append(Frame(start, len(body), tuple(lines), closed=False))
    return frames
