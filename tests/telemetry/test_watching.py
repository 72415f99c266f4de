"""Telemetry that is off costs no Python call, and telemetry that breaks costs no run."""

from __future__ import annotations

import sys
from collections import Counter
from types import FrameType
from typing import Any

import pytest

from turnstream import events, protocols, requests
from turnstream.agent import Agent
from turnstream.messages import UserMessage
from turnstream.runs.supervisor import Supervisor, new_id
from turnstream.testing.models import ScriptedModel

ASK = requests.RunRequest((UserMessage("hi"),))


class Recording:
    trace_id = ""

    def __init__(self) -> None:
        self.seen: list[events.RunEvent] = []
        self.ending: events.TerminalEvent | None = None

    def feed(self, batch: list[events.RunEvent]) -> None:
        self.seen += batch

    def close(self, ending: events.TerminalEvent) -> None:
        self.ending = ending


class Broken(Recording):
    def feed(self, batch: list[events.RunEvent]) -> None:
        super().feed(batch)
        raise RuntimeError("broken")


async def follow(supervisor: Supervisor, text: str) -> list[events.RunEvent]:
    seen: list[events.RunEvent] = []
    handle = supervisor.start(Agent(ScriptedModel([text]), name="helper"), ASK, new_id(), dialect="test")
    async with handle.follow() as batches:
        async for batch in batches:
            seen += batch
    return seen


async def count_calls(supervisor: Supervisor, tokens: int) -> Counter[str]:
    """Of Python functions, by their names, while a run of so many tokens is followed."""
    counted: Counter[str] = Counter()

    def count(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            counted[frame.f_code.co_qualname] += 1

    sys.setprofile(count)
    try:
        await follow(supervisor, " ".join(["word"] * tokens))
    finally:
        sys.setprofile(None)
    return counted


async def test_off_it_adds_no_call_for_a_token() -> None:
    plain = Supervisor()
    few, many = [await count_calls(plain, tokens) for tokens in (100, 1100)]
    grown = {name for name in many if many[name] - few[name] >= 1000}
    assert grown  # the run itself has some
    assert not any("watch" in name.lower() or "telemetry" in name.lower() for name in grown)
    seen = await count_calls(Supervisor(watches=[lambda info: Recording()]), 1100)
    assert {name for name in seen if seen[name] >= 1000} - grown == {"Watching._show", "Recording.feed"}


async def test_who_watches_sees_each_event_and_the_end() -> None:
    told: list[tuple[protocols.RunInfo, Recording]] = []

    def watch(info: protocols.RunInfo) -> Recording:
        told.append((info, Recording()))
        return told[-1][1]

    seen = await follow(Supervisor(watches=[watch]), "one two")
    [(info, recording)] = told
    assert recording.seen == seen
    assert recording.ending is seen[-1]
    assert (info.agent, info.dialect, info.principal) == ("helper", "test", "anonymous")


async def test_one_who_breaks_sees_no_more_and_the_run_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    broken, other = Broken(), Recording()
    seen = await follow(Supervisor(watches=[lambda info: broken, lambda info: other]), "one two")
    assert isinstance(seen[-1], events.RunFinished)
    assert broken.seen == seen[:2]  # of the first batch
    assert other.seen == seen
    assert "Broken failed" in caplog.text


async def test_a_run_that_is_left_has_an_end_for_who_watches() -> None:
    recording = Recording()
    handle = Supervisor(watches=[lambda info: recording]).start(Agent(ScriptedModel(["one two"])), ASK, new_id())
    async with handle.follow() as batches:
        async for _ in batches:
            break
    assert isinstance(recording.ending, events.RunCancelled)
