"""Protocols in which an answer is one text keep the texts of a run's steps apart."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects import test_a2a, test_openai_chat, test_orchestrate
from tests.dialects.sequences import batched, runs
from turnstream.dialects.paragraphs import join
from turnstream.dialects.statuses import STOPPED
from turnstream.events import (
    RefusalDelta,
    RunEvent,
    RunFinished,
    StepStarted,
    TextDelta,
    ToolCall,
    ToolCallsDetected,
    Usage,
)

Batches = list[list[RunEvent]]


def chat(batches: Batches) -> str:
    return "".join(test_openai_chat.deltas(test_openai_chat.told(batches), "content"))


def orchestrate(batches: Batches) -> str:
    frames = test_orchestrate.told(batches).decode().split("\n\n")
    chunks = [json.loads(frame.removeprefix("data: ")) for frame in frames if frame.startswith("data: {")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def a2a(batches: Batches) -> str:
    found = test_a2a.results(test_a2a.told(batches, "0.3"))
    return "".join(one["artifact"]["parts"][0]["text"] for one in found if "artifact" in one and not one["lastChunk"])


READERS = pytest.mark.parametrize("read", [chat, orchestrate, a2a])


def steps(*texts: str) -> list[RunEvent]:
    events: list[RunEvent] = []
    for number, text in enumerate(texts, 1):
        events += [StepStarted(number), *map(TextDelta, text)]
        if number < len(texts):
            events.append(ToolCallsDetected(number, (ToolCall("c", "look", "{}"),)))
    return [*events, RunFinished("stop", Usage(), len(texts))]


@READERS
def test_a_blank_line_parts_the_texts_of_two_steps(read: Callable[[Batches], str]) -> None:
    assert read([steps("I look it up.", "", "It is sunny.")]) == "I look it up.\n\nIt is sunny."


@READERS
@pytest.mark.parametrize("texts", [("I look it up: ", "it is sunny."), ("One", "\ntwo"), ("", "One"), ("One", "")])
def test_white_space_of_the_models_own_is_enough(read: Callable[[Batches], str], texts: tuple[str, str]) -> None:
    assert read([steps(*texts)]) == "".join(texts)


@READERS
@given(runs(), st.lists(st.integers(0, 4), max_size=8))
@settings(deadline=None, max_examples=60)
def test_the_stream_adds_up_to_the_joined_text(
    read: Callable[[Batches], str], run: list[RunEvent], cuts: list[int]
) -> None:
    finished: list[RunEvent] = [event for event in run if not isinstance(event, RefusalDelta)]
    if isinstance(finished[-1], RunFinished):
        stopped = finished[-1].reason == "max_steps"
        assert read(batched(cuts, finished)) == join(finished, STOPPED if stopped else "")
