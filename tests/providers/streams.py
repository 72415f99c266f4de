"""Recorded streams of vendors, and what a correct reader gets out of each."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.corpus import STREAMS
from turnstream.events import ModelEvent, ProviderError
from turnstream.parsing.collect import Collector
from turnstream.providers.base import Decoder


class Recording:
    def __init__(self, path: Path) -> None:
        self.name = str(path.relative_to(STREAMS).with_suffix(""))
        self.about: dict[str, Any] = json.loads(path.read_bytes())
        self.expected: dict[str, Any] = self.about["expected"]
        self.body = path.with_suffix(".sse").read_bytes()

    @property
    def status(self) -> int:
        return int(self.about["status"])


def recordings(api: str, *, streams: bool = True) -> list[Recording]:
    """Of one api, sorted: bodies with status 200, or else HTTP refusals."""
    found = []
    for path in sorted(STREAMS.rglob("*.json")) if STREAMS.is_dir() else ():
        if f'"api": "{api}"'.encode() in path.read_bytes()[:400]:
            recording = Recording(path)
            if (recording.status == 200) == streams:
                found.append(recording)
    return found


def decoded(decoder: Decoder, pieces: Iterable[bytes]) -> tuple[list[ModelEvent], ProviderError | None]:
    """All events, and the error that ended them."""
    events: list[ModelEvent] = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        while rest := decoder.close():
            events += rest
            if len(rest) == 0:
                break
    except ProviderError as error:
        return events, error
    return events, None


def collected(events: Collection[ModelEvent]) -> dict[str, Any]:
    """In the form of a recording's ``expected``."""
    collector = Collector()
    collector.feed(list(events))
    return {
        "text": collector.text or collector.refusal,
        "reasoning": collector.reasoning,
        "tool_calls": [(call.id, call.name, as_json(call.arguments)) for call in collector.tool_calls],
        "finish_reason": collector.finish.raw if collector.finish else None,
        "usage": collector.usage.raw if collector.usage else None,
    }


def as_json(text: str) -> Any:
    """Arguments as JSON where they are that; no arguments are an empty object."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def wanted(expected: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": expected["text"],
        "reasoning": expected["reasoning"],
        "tool_calls": [(call["id"] or "", call["name"], as_json(call["arguments"])) for call in expected["tool_calls"]],
        "finish_reason": expected["finish_reason"],
        "usage": expected["usage"],
    }


def cut(body: bytes, lengths: Iterable[int]) -> Iterator[bytes]:
    at = 0
    for length in lengths:
        yield body[at : at + length]
        at += length
    if at < len(body):
        yield body[at:]


def cuts(recording: Recording) -> Iterator[list[bytes]]:
    """The body cut at its recorded read sizes, into small pieces, and at places drawn by its name."""
    body = recording.body
    if lengths := recording.about.get("chunk_lengths"):
        yield list(cut(body, lengths))
    if len(body) < 20_000:
        yield [body[at : at + 1] for at in range(len(body))]
    draw = random.Random(recording.name)
    for size in (7, 200, 4000):
        yield list(cut(body, (draw.randint(1, size) for _ in range(0, len(body), size // 2 + 1))))


def check(recording: Recording, new: Callable[[], Decoder]) -> list[ModelEvent]:
    """The recording decodes to what is expected of it, however it is cut; gives its events."""
    events, error = decoded(new(), [recording.body])
    assert error is None, error.detail
    assert collected(events) == wanted(recording.expected)
    for pieces in cuts(recording):
        assert decoded(new(), pieces) == (events, None)
    return events
